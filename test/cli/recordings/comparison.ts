// Compares the tree that a step of ours left with the one that the original left, path by path, after masking; and puts the recorded one in place of ours.
//
// Beyond what replays of the recordings compare: vpasswd.cdb fits vpasswd where the original's does, a new hash belongs to its clear password where the
// original's does (both are masked otherwise).

import { rmSync } from 'node:fs';
import path from 'node:path';
import type { PasswordChecker } from '../../../src/auth/password.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords, vpasswdRecords } from '../../../src/formats/vpopmail/vpasswd.js';
import { contentOf, type Entry, type Picture, put, type Step } from '../../support/recording.js';
import type { Masks } from './masks.js';
import { isRoot } from './recorded-host.js';

/** `what` is a masked path, or a path and what of it; the two sides are texts for people. */
export interface TreeDifference {
  readonly what: string;
  readonly recorded: string;
  readonly ours: string;
}

/** The tree as the step of the original left it, when `before` is what it found. */
export function recordedAfter(before: Picture, step: Step): Picture {
  const after = new Map(before);
  for (const [hostPath, entry] of Object.entries(step.changed ?? {})) {
    if (entry !== null) after.set(hostPath, entry);
    else for (const name of before.keys()) if (isWithin(name, hostPath)) after.delete(name);
  }
  return after;
}

function isWithin(name: string, directory: string): boolean {
  return name === directory || name.startsWith(`${directory}/`);
}

export function treeDifferences(recorded: Picture, ours: Picture, masks: Masks): TreeDifference[] {
  const [want, got] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const hostPath of new Set([...recorded.keys(), ...ours.keys()])) {
    const [a, b] = [recorded.get(hostPath), ours.get(hostPath)];
    if (isSame(a, b)) continue;
    if (a !== undefined) note(want, hostPath, a, masks);
    if (b !== undefined) note(got, hostPath, b, masks);
  }
  const told: TreeDifference[] = [];
  for (const what of new Set([...want.keys(), ...got.keys()])) {
    const [a, b] = [want, got].map((side) => (side.get(what) ?? ['not there']).sort().join('\n'));
    if (a !== undefined && b !== undefined && a !== b) told.push({ what, recorded: a, ours: b });
  }
  return told;
}

function note(side: Map<string, string[]>, hostPath: string, entry: Entry, masks: Masks): void {
  const name = masks.path(hostPath);
  const owner = isRoot ? ` ${entry.uid}:${entry.gid}` : '';
  const mode = entry.type === 'link' ? '' : ` ${entry.mode}`;
  const content = entry.type === 'file' ? masks.content(hostPath, contentOf(entry)) : masks.target(entry.target ?? '');
  side.set(name, [...(side.get(name) ?? []), `${entry.type}${mode}${owner} ${content}`]);
}

/** Equal without any masking. */
function isSame(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined || a.type !== b.type || a.target !== b.target) return false;
  if (isRoot && (a.uid !== b.uid || a.gid !== b.gid)) return false;
  if (a.type === 'link') return true;
  return a.mode === b.mode && (a.type !== 'file' || contentOf(a).equals(contentOf(b)));
}

/**
 * The recorded tree with the times of this run where they decide what a later step does: in open-smtp, whose lines of hours ago clearopensmtp drops. Where ours wrote something else there,
 * the recorded lines get the present time.
 */
export function withTimesOf(ours: Picture, recorded: Picture, masks: Masks): Picture {
  const hostPath = [...recorded.keys()].find((name) => name.endsWith('/etc/open-smtp'));
  const [want, got] = [recorded, ours].map((side) => (hostPath === undefined ? undefined : side.get(hostPath)));
  if (hostPath === undefined || want === undefined) return recorded;
  const texts = [want, got].map((entry) => (entry === undefined ? '' : contentOf(entry).toString('latin1')));
  const [text = '', present = ''] = texts;
  const isEqual = masks.text(text) === masks.text(present);
  const now = String(Math.floor(Date.now() / 1000));
  const timely = isEqual ? present : text.replace(/\b1[7-9]\d{8}$/gm, now);
  const { text: _, base64: __, gzip_base64: ___, ...attributes } = want;
  return new Map(recorded).set(hostPath, { ...attributes, base64: Buffer.from(timely, 'latin1').toString('base64') });
}

/** Makes the tree below `root`, which is `ours`, the recorded one. */
export function restoreRecorded(recorded: Picture, ours: Picture, root: string): void {
  for (const hostPath of ours.keys())
    if (!recorded.has(hostPath)) rmSync(path.join(root, hostPath), { recursive: true, force: true });
  const names = [...recorded.keys()].sort();
  for (const hostPath of names) {
    const [entry, there] = [recorded.get(hostPath), ours.get(hostPath)];
    if (entry === undefined || isSame(entry, there)) continue;
    // A hard link is not written through.
    if (entry.type !== 'dir') rmSync(path.join(root, hostPath), { recursive: true, force: true });
    put(path.join(root, hostPath), entry);
  }
}

/** What masking hides about the accounts that a step changed. */
export async function accountDifferences(
  before: Picture,
  recorded: Picture,
  ours: Picture,
  passwords: PasswordChecker,
): Promise<TreeDifference[]> {
  const told: TreeDifference[] = [];
  for (const [hostPath, entry] of ours) {
    const [was, wanted] = [before.get(hostPath), recorded.get(hostPath)];
    if (isSame(was, entry) || wanted === undefined) continue;
    const sides = hostPath.endsWith('/vpasswd.cdb')
      ? [fitsText(hostPath, recorded), fitsText(hostPath, ours)]
      : hostPath.endsWith('/vpasswd')
        ? await Promise.all([wanted, entry].map((side) => newHashes(side, was, passwords)))
        : [];
    const [a, b] = sides;
    if (a !== undefined && b !== undefined && a !== b) told.push({ what: hostPath, recorded: a, ours: b });
  }
  return told;
}

function fitsText(cdbPath: string, picture: Picture): string {
  const [cdb, text] = [picture.get(cdbPath), picture.get(cdbPath.slice(0, -'.cdb'.length))];
  if (cdb === undefined || text === undefined) return 'alone';
  const made = makeCdb(vpasswdCdbRecords(parseVpasswd(contentOf(text))));
  return made.equals(contentOf(cdb)) ? 'made of vpasswd' : 'not made of vpasswd';
}

/** For each account whose line is new: whether its hash belongs to its clear password. */
async function newHashes(entry: Entry, was: Entry | undefined, passwords: PasswordChecker): Promise<string> {
  const old = new Set(was === undefined ? [] : contentOf(was).toString('latin1').split('\n'));
  const lines = contentOf(entry).toString('latin1').split('\n');
  const fresh = parseVpasswd(Buffer.from(lines.filter((line) => !old.has(line)).join('\n'), 'latin1'));
  const told: string[] = [];
  for (const { name, passwd, clearPasswd } of vpasswdRecords(fresh)) {
    if (!clearPasswd || !/^\$[156]\$/.test(passwd)) continue;
    const fits = await passwords.verify(clearPasswd, passwd, 'a domain');
    told.push(`${name}: the hash is ${fits ? '' : 'not '}that of the clear password`);
  }
  return told.join('\n');
}
