// Replays recorded deliveries of qmail-local against ours, done: programs run, mbox files are written, forwards reach our qmail-queue, which writes into a queue that is looked at.
// What is asked before a message is there is replayed in test/delivery/replay.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { byHand, passwd } from '../../support/delivery-recording.js';
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
import { vqmailProgram } from '../../support/started-server.js';

/** `recording#step` -> why ours differs. A step that no longer differs must leave this list. */
const onPurpose: Readonly<Record<string, string>> = {
  'broken-vpasswd#1': 'that vpasswd.cdb was made again is told',
  'broken-vpasswd#5': 'a vpasswd.cdb that is no cdb is trouble of ours, not an unknown mailbox',
  'broken-vpasswd#7': 'no user database at all is trouble of ours, not an unknown mailbox',
  'maildirsize-states#21': 'a last line that was cut off is ended before the next one is added',
  'missing-places#11': 'an account directory that may not be entered is told by its .qmail, which comes first',
};

for (const name of recordingNames('delivery')) {
  const recording = loadRecording('delivery', name);
  if (!recording.steps.some(isLocal)) continue;
  test(`delivery/${name}: ${recording.about.split('.')[0]}`, (t) => {
    if (!needsRoot(t)) return;
    const root = newRoot();
    try {
      buildTree(below(root, { ...recording.before, '/etc/passwd': { type: 'file', text: passwd } }), root);
      installTools(root);
      const told: string[] = [];
      for (const [index, step] of recording.steps.entries()) {
        if (step.write !== undefined) applyWrite(below(root, step.write), root);
        if (!isLocal(step)) {
          byHand(step, root);
          continue;
        }
        const before = pictureOf(root);
        const wrong = [...run(step, root), ...differences(step.changed ?? {}, changesBetween(before, pictureOf(root)))];
        const isKnown = onPurpose[`${name}#${index}`] !== undefined;
        if (wrong.length > 0 !== isKnown)
          told.push(`step ${index} ${step.run?.slice(2).join(' ')}: ${wrong.join('\n') || 'as recorded'}`);
        if (wrong.length > 0) applyChanged(step, root);
      }
      assert.deepEqual(told, []);
    } finally {
      removeRoot(root);
    }
  });
}

function isLocal(step: Step): boolean {
  return (step.run?.[0] ?? '').endsWith('/qmail-local');
}

/** Lets .qmail lines call the programs of this tree. */
function below<T>(root: string, entries: Readonly<Record<string, T>>): Record<string, T> {
  const text = JSON.stringify(entries, (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(/\/var\/qmail\/bin\//g, `${root}/var/qmail/bin/`) : value,
  );
  return JSON.parse(text) as Record<string, T>;
}

/** The programs that qmail-local, vdelivermail and recorded .qmail lines call. */
const helpers = ['qmail-queue', 'qmail-inject', 'forward', 'condredirect', 'bouncesaying', 'except', 'preline'];

/** Our tools under the names of qmail's. */
function installTools(root: string): void {
  const bin = path.join(root, 'var/qmail/bin');
  mkdirSync(bin, { recursive: true });
  for (const name of helpers) {
    const script = `#!/bin/sh\nexec env VQMAIL_ROOT=${root} ${process.execPath} ${vqmailProgram} ${name} "$@"\n`;
    writeFileSync(path.join(bin, name), script, { mode: 0o755 });
  }
}

/** An empty queue that everybody may write: ours has no set-user-id program. */
function emptyQueue(root: string): string {
  const queue = path.join(root, 'var/qmail/queue');
  rmSync(queue, { recursive: true, force: true });
  const places = Array.from({ length: 23 }, (_, place) => `mess/${place}`);
  for (const name of ['pid', 'intd', 'todo', 'lock', ...places]) {
    mkdirSync(path.join(queue, name), { recursive: true });
    chmodSync(path.join(queue, name), 0o777);
  }
  return queue;
}

/** Does the step and tells how its outputs differ from the recorded ones. */
function run(step: Step, root: string): string[] {
  const input = path.join(root, 'input');
  writeFileSync(
    input,
    step.stdin_base64 === undefined ? bytesOf(step.stdin) : Buffer.from(step.stdin_base64, 'base64'),
    { mode: 0o644 },
  );
  const queue = emptyQueue(root);
  const fd = openSync(input, 'r');
  const [uid, gid] = step.as ?? [0, 0];
  const ended = spawnSync(
    '/bin/sh',
    [
      '-c',
      `umask ${step.umask ?? '022'}; exec "$@"`,
      'sh',
      process.execPath,
      vqmailProgram,
      'qmail-local',
      ...(step.run ?? []).slice(1),
    ],
    {
      cwd: '/',
      stdio: [fd, 'pipe', 'pipe'],
      env: {
        ...(step.only_env ? {} : { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' }),
        ...step.env,
        VQMAIL_ROOT: root,
      },
      uid,
      gid,
    },
  );
  closeSync(fd);
  const shown = (bytes: Buffer): string =>
    maskVolatile(
      bytes
        .toString('latin1')
        .replaceAll(root, '')
        .replace(/^VQMAIL_ROOT=.*\n/m, ''),
    )
      .replace(/^((?:[a-z]+: )?qp) \d+$/gm, '$1 <pid>')
      .replace(/^Message-ID: <\d+\.\d+\./gm, 'Message-ID: <<time>.<pid>.')
      .replace(/(?<=^u\d+\0p)\d+/, '<pid>')
      // A file that was given up ends where qmail-queue's buffer did, and the number in front of it has any length.
      .replace(/a{900,}$/, '<many>');
  const compared: [string, string, string][] = [
    ['exit', String(step.exit), String(ended.status)],
    ['stdout', shown(bytesOf(step.stdout)), shown(ended.stdout)],
    ['stderr', shown(bytesOf(step.stderr)), shown(ended.stderr)],
    ['queued', recordedQueue(step, shown), queueIn(queue, shown)],
  ];
  return compared.flatMap(([what, want, got]) =>
    want === got ? [] : [`${what}: recorded ${JSON.stringify(want)}\n  ours ${JSON.stringify(got)}`],
  );
}

/** Messages with their envelopes, in an order of their own. */
function recordedQueue(step: Step, shown: (bytes: Buffer) => string): string {
  const messages = (step.queued ?? []).map(({ message, intd, todo }) =>
    [bytesOf(intd), bytesOf(todo), bytesOf(message)].map(shown).join('|'),
  );
  return messages.sort().join('\n');
}

function queueIn(queue: string, shown: (bytes: Buffer) => string): string {
  const read = (file: string): Buffer => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0));
  const messages = readdirSync(path.join(queue, 'mess')).flatMap((place) =>
    readdirSync(path.join(queue, 'mess', place)).map((id) =>
      [
        read(path.join(queue, 'intd', id)),
        read(path.join(queue, 'todo', id)),
        read(path.join(queue, 'mess', place, id)),
      ]
        .map(shown)
        .join('|'),
    ),
  );
  return messages.sort().join('\n');
}
