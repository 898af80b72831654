// The domains in users/assign, changed, and users/cdb with them (formats/vpopmail.md 3.1 to 3.3).
//
//   +example.jp-:example.jp:6020:6020:/home/vpopmail/domains/example.jp:-::       a domain; an alias domain has another name in the second field
//   .                                                                             the end
//
// A new line goes to its place in vpopmail's order; the file is sorted when it was out of order. Everything else stays: local users, lines that do not parse,
// what stands behind the end (which the originals move before it, so that qmail-newu refuses the file). A text that qmail-newu would refuse is not written, and a text
// whose database cannot be made is put back: a domain of the text is a domain of the database.
// A crash between the two files leaves the line without the database: whoever repeats the change makes the database then.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError } from '../../errors.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { assignLine, assignText, domainKey, parseAssign, refusedByNewu } from '../../formats/controls/users-assign.js';
import { bufferSource, cdbFind } from '../../formats/databases/cdb.js';
import { insertInOrder, longestLine } from '../../formats/vpopmail/domain-order.js';
import type { Layout } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { compileAssign, ownEnding } from './compiled.js';
import { fileOf, type LockedFile, linesOf, withLockedFile } from './locked-file.js';

/** A domain or alias domain. `directory` is the host path of the real domain's directory; names are in lower case. */
export interface AssignedDomain {
  readonly name: string;
  readonly realDomain: string;
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
}

/** Told when a file is sorted because lines were out of order: the path as the host has it. */
export type OnDisorder = (path: string) => void;

/** The line of a domain, without LF. */
export function domainLine({ name, realDomain, uid, gid, directory }: AssignedDomain): string {
  const rest = { dash: '-', extension: '', rest: '' };
  return assignText({
    mark: '+',
    name: `${name}-`,
    user: realDomain,
    uid: String(uid),
    gid: String(gid),
    directory,
    ...rest,
  });
}

/** Whether the original tools would cut the line of a domain in two when they next rewrite the file. */
export function isCutByOriginals(domain: AssignedDomain): boolean {
  return domainLine(domain).length > longestLine;
}

/**
 * Inserts a domain and makes users/cdb.
 * @returns `there` when just this line was there already; `taken` when another line has the name, and nothing was changed
 * @throws TemporaryError; ConfigurationError for a file that qmail-newu would refuse; CompileError; the text is then as before
 */
export async function insertDomain(
  layout: Layout,
  domain: AssignedDomain,
  onDisorder: OnDisorder = () => {},
): Promise<'inserted' | 'there' | 'taken'> {
  return withLockedFile(layout, layout.assign, async (file) => {
    const before = file.read();
    const { head, tail } = parts(linesOf(before));
    const line = domainLine(domain);
    const present = head.filter((text) => nameOf(text) === domain.name);
    if (present.some((text) => text !== line)) return 'taken';
    if (present.length > 0) {
      await compileAssign(layout, { temporaryEnding: ownEnding });
      return 'there';
    }
    const { lines, isDisordered } = insertInOrder(head, line, 'assignment');
    if (isDisordered) onDisorder(layout.host(file.path));
    await put(layout, file, before, fileOf([...lines, ...tail]));
    return 'inserted';
  });
}

/**
 * Removes domains and alias domains of one real domain and makes users/cdb.
 * @returns how many lines were removed
 * @throws as `insertDomain`
 */
export async function removeDomains(layout: Layout, names: readonly string[], realDomain: string): Promise<number> {
  return withLockedFile(layout, layout.assign, async (file) => {
    const before = file.read();
    const lines = linesOf(before);
    const kept = lines.filter((text) => !isOneOf(text, names, realDomain));
    // A file without an end is refused by qmail-newu; vpopmail always writes one.
    const { head, tail } = parts(kept);
    await put(layout, file, before, fileOf([...head, ...tail]));
    return lines.length - kept.length;
  });
}

/**
 * Sees to it that users/cdb agrees with users/assign about a domain. An original qmail-newu that began before a change of ours may have put its older
 * database over ours.
 * @throws TemporaryError, CompileError
 */
export async function confirmDomain(layout: Layout, name: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const isThere = linesOf(readIfPresent(layout.assign)).some((text) => nameOf(text) === name);
    if (isCompiled(layout, name) === isThere) return;
    await withLockedFile(layout, layout.assign, () => compileAssign(layout, { temporaryEnding: ownEnding }));
    await pause(10 * attempt);
  }
}

async function put(layout: Layout, file: LockedFile, before: Buffer | undefined, after: Buffer): Promise<void> {
  const refused = refusedByNewu(parseAssign(after));
  if (refused !== undefined) throw new ConfigurationError(layout.host(file.path), refused.line, refused.text);
  await file.replace(after);
  try {
    await compileAssign(layout, { temporaryEnding: ownEnding });
  } catch (error) {
    await (before === undefined ? file.remove() : file.replace(before));
    fs.rmSync(bytesPath(`${layout.usersCdb}${ownEnding}`), { force: true });
    throw error;
  }
}

/** What stands before the end, and the end with what stands behind it; further ends are dropped, as by the originals. */
function parts(lines: readonly string[]): { head: string[]; tail: string[] } {
  const end = lines.findIndex((text) => text.startsWith('.'));
  if (end < 0) return { head: [...lines], tail: ['.'] };
  const behind = lines.slice(end + 1).filter((text) => text !== '.');
  return { head: lines.slice(0, end), tail: [lines[end] ?? '.', ...behind] };
}

/** The domain of a wildcard line as vpopmail writes them; undefined for any other line. */
function nameOf(text: string): string | undefined {
  const line = assignLine(text);
  if (line.kind !== 'assignment' || line.mark !== '+' || !line.name.endsWith('-')) return undefined;
  return lower(line.name.slice(0, -1));
}

function isOneOf(text: string, names: readonly string[], realDomain: string): boolean {
  const name = nameOf(text);
  const line = assignLine(text);
  return (
    name !== undefined && names.includes(name) && line.kind === 'assignment' && lower(line.user) === lower(realDomain)
  );
}

function isCompiled(layout: Layout, name: string): boolean {
  const bytes = readIfPresent(layout.usersCdb);
  return bytes !== undefined && cdbFind(bufferSource(bytes), domainKey(name), layout.usersCdb) !== undefined;
}
