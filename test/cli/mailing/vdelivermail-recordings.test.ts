// Replays the recorded deliveries in which qmail-local ran vdelivermail (fixtures/recordings/delivery): ours gets the arguments and environment that qmail-local would
// give it, and must say, leave and return the same. A stand-in for qmail-inject keeps what it is given.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { vdelivermail } from '../../../src/cli/mailing/vdelivermail.js';
import { deliveryLines, type LocalArguments, programVariables } from '../../../src/delivery/local/arguments.js';
import { dotQmailNames, parseVdelivermail } from '../../../src/formats/dot-qmail/dot-qmail.js';
import { Layout } from '../../../src/layout.js';
import { capturedIo } from '../../support/captured-io.js';
import { asUser } from '../../support/delivery-recording.js';
import { needsRoot } from '../../support/needs.js';
import {
  applyChanged,
  applyWrite,
  buildTree,
  bytesOf,
  changesBetween,
  differences,
  loadRecording,
  maskVolatile,
  newRoot,
  pictureOf,
  recordingNames,
  removeRoot,
  type Step,
} from '../../support/recording.js';

/** `recording#step` (steps counted from 1) -> why ours differs. A step that no longer differs must leave this list. */
const onPurpose: Readonly<Record<string, string>> = {
  'broken-vpasswd#6': 'a vpasswd.cdb that is no cdb is trouble of ours, not an unknown mailbox',
  'broken-vpasswd#8': 'no user database at all is trouble of ours, not an unknown mailbox',
  'missing-places#12':
    'a .qmail that cannot be looked at is told as such; vdelivermail goes on and fails at the Maildir',
  'maildirsize-states#22': 'a last line that was cut off is ended before the next one is added',
};

/** Recordings whose owners and rights only root can make, look at or act with. */
const needRoot: ReadonlySet<string> = new Set(['broken-vpasswd', 'maildirsize-states', 'missing-places']);

const inject = `#!/bin/sh
n=$(ls "$0.d" | wc -l)
{ printf '%s\\n' "$*"; cat; } > "$0.d/$n"
`;

for (const name of recordingNames('delivery')) {
  const recording = loadRecording('delivery', name);
  test(`delivery/${name}: vdelivermail`, async (t) => {
    if (needRoot.has(name) && !needsRoot(t)) return;
    const root = newRoot();
    try {
      buildTree(recording.before, root);
      installInject(root);
      const told: string[] = [];
      for (const [index, step] of recording.steps.entries()) {
        const call = callOf(step, root);
        if (step.write !== undefined) applyWrite(step.write, root);
        else if (call === undefined) byHand(step, root);
        else {
          const wrong = await deliver(root, step, call);
          const isKnown = onPurpose[`${name}#${index + 1}`] !== undefined;
          if (wrong.length > 0 !== isKnown) told.push(`step ${index + 1}: ${wrong.join('\n') || 'as recorded'}`);
        }
      }
      assert.deepEqual(told, []);
    } finally {
      removeRoot(root);
    }
  });
}

interface Call {
  readonly args: string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** What qmail-local says itself when all went well. */
  readonly said: string;
}

/** How vdelivermail is called in a step: by itself, or by qmail-local for an address that only the domain's .qmail-default takes. */
function callOf(step: Step, root: string): Call | undefined {
  const [program = '', ...args] = step.run ?? [];
  if (program.endsWith('/vdelivermail')) return { args, env: { ...step.env }, directory: step.cwd ?? '/', said: '' };
  if (!program.endsWith('/qmail-local') || args[0] !== '--' || args.length !== 9) return undefined;
  const [, user = '', home = '', local = '', dash = '', extension = '', domain = '', sender = ''] = args.map(latin1);
  const about: LocalArguments = { user, home, local, dash, extension, domain, sender, defaultDelivery: './Maildir/' };
  const lines = deliveryLines(about, 1_795_487_589);
  // qmail-local's own refusals, and its loop test, come first.
  if (bytesOf(step.stderr).length > 0 || messageOf(step).toString('latin1').includes(lines.deliveredTo))
    return undefined;
  const file = dotQmailNames(dash, extension).find(({ suffix }) =>
    existsSync(path.join(root, home, `.qmail${suffix}`)),
  );
  if (file?.suffix !== '-default') return undefined;
  const text = readFileSync(path.join(root, home, '.qmail-default'), 'latin1');
  const command = text.startsWith('|') ? parseVdelivermail(text.slice(1).trim()) : undefined;
  if (command === undefined) return undefined;
  const env = programVariables(about, lines, { newSender: sender, default: file.default });
  return { args: [...command.args], env: { ...step.env, ...env }, directory: home, said: 'did 0+0+1\n' };
}

/** What our vdelivermail does otherwise than recorded. */
async function deliver(root: string, step: Step, { args, env, directory, said }: Call): Promise<string[]> {
  const injected = path.join(root, 'var/qmail/bin/qmail-inject.d');
  rmSync(injected, { recursive: true, force: true });
  mkdirSync(injected, { mode: 0o777 });
  spawnSync('chmod', ['1777', injected]);
  const before = pictureOf(root);
  const layout = new Layout({ root });
  const workingDirectory = layout.disk(directory);
  const io = capturedIo({ layout, env, stdin: messageOf(step), umask: 0o077, workingDirectory });
  const exit = await asUser(step.as, () => vdelivermail(args, io));
  const { stdout, stderr } = io.written();
  // qmail-local takes 99 for success.
  const status = said !== '' && exit === 99 ? 0 : exit;
  const output = `${stdout.toString('latin1').replaceAll(root, '')}${status === 0 ? said : ''}`;
  const wrong: string[] = [];
  const compare = (what: string, recorded: unknown, ours: unknown): void => {
    if (recorded !== ours)
      wrong.push(`${what}\n  recorded ${JSON.stringify(recorded)}\n  ours     ${JSON.stringify(ours)}`);
  };
  compare('exit', step.exit, status);
  compare('stdout', masked(bytesOf(step.stdout).toString('latin1')), masked(output));
  compare('stderr', bytesOf(step.stderr).toString('latin1'), stderr.toString('latin1'));
  compare('forwards', recordedForwards(step), forwards(injected));
  rmSync(injected, { recursive: true });
  return [...wrong, ...differences(step.changed ?? {}, changesBetween(before, pictureOf(root)))];
}

function masked(text: string): string {
  return maskVolatile(text)
    .replace(/\/tmp\/[^ \n]*/g, '/tmp/<name>')
    .replace(/\/new\/[^ \n]*/g, '/new/<name>')
    .replace(/^UFLINE=.*$/m, '');
}

/** Sender, recipient and Delivered-To of each message that was queued. */
function recordedForwards(step: Step): string {
  return (step.queued ?? [])
    .map(({ intd, message }) => {
      const [, sender = '', recipient = ''] = /\0F([^\0]*)\0T([^\0]*)\0/.exec(bytesOf(intd).toString('latin1')) ?? [];
      const [, deliveredTo = ''] = /^Delivered-To: (.*)$/m.exec(bytesOf(message).toString('latin1')) ?? [];
      return `${sender} ${addressAsQueued(recipient)} ${deliveredTo}`;
    })
    .join('\n');
}

/** qmail-inject completes addresses, and drops blanks. */
function addressAsQueued(address: string): string {
  return address.replace(/@mail\.example\.gr\.jp$/, '');
}

function forwards(directory: string): string {
  return readdirSync(directory)
    .sort()
    .map((name) => {
      const text = readFileSync(path.join(directory, name), 'latin1');
      const [, recipient = ''] = /^-- (.*)$/m.exec(text.slice(0, text.indexOf('\n'))) ?? [];
      const [, sender = ''] = /^Return-Path: <(.*)>$/m.exec(text) ?? [];
      const [, deliveredTo = ''] = /^Delivered-To: (.*)$/m.exec(text) ?? [];
      return `${sender} ${recipient.replace(/\r/g, '').trim()} ${deliveredTo}`;
    })
    .join('\n');
}

function installInject(root: string): void {
  const bin = path.join(root, 'var/qmail/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'qmail-inject'), inject, { mode: 0o755 });
}

function messageOf(step: Step): Buffer {
  return step.stdin_base64 === undefined ? bytesOf(step.stdin) : Buffer.from(step.stdin_base64, 'base64');
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Does a step that is not vdelivermail's: shell commands on the tree for real, what other programs did from the recording. */
function byHand(step: Step, root: string): void {
  const commands = (step.sh ?? '').split(';').filter((command) => !command.includes('/bin/'));
  const here = commands.join(';').replaceAll(/\/(home|var|etc)\//g, `${root}/$1/`);
  spawnSync('/bin/sh', ['-c', here]);
  if (step.sh === undefined || step.sh.includes('/bin/')) applyChanged(step, root);
}
