// qmail-local beyond the recordings: what the original did with the same arguments, message and files.

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

const message = 'Subject: x\n\nx\n';
const usage = 'qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n';

function home(t: TestContext, lines: string): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  mkdirSync(path.join(root, 'home'));
  chmodSync(path.join(root, 'home'), 0o755);
  writeFileSync(path.join(root, 'home/.qmail'), lines, { mode: 0o644 });
  return root;
}

function call(
  root: string,
  options: readonly string[],
  more: {
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly tail?: readonly string[];
  } = {},
): SpawnSyncReturns<string> {
  const argv = ['qmail-local', ...options, 'joe', '/home', 'joe', '', '', 'example.jp', 'a@b.example'];
  return spawnSync(process.execPath, [vqmailProgram, ...argv, ...(more.tail ?? ['./Mailbox'])], {
    input: more.input ?? message,
    encoding: 'utf8',
    env: { ...process.env, VQMAIL_ROOT: root, ...more.env },
  });
}

test('an empty default delivery is a blank first line', (t) => {
  const called = call(home(t, ''), ['--'], { tail: [''] });
  assert.deepEqual([called.status, called.stderr], [111, 'Uh-oh: first line of .qmail file is blank. (#4.2.1)\n']);
});

const wrong: readonly [options: readonly string[], tail: readonly string[], stderr: string][] = [
  [['-x'], ['./Mailbox'], `qmail-local: illegal option -- x\n${usage}`],
  [['-nx'], ['./Mailbox'], `qmail-local: illegal option -- x\n${usage}`],
  [[], ['./Mailbox', 'extra'], usage],
  [[], [], usage],
];
for (const [options, tail, stderr] of wrong)
  test(`arguments ${JSON.stringify([options, tail])} are refused`, (t) => {
    const called = call(home(t, '#\n'), options, { tail });
    assert.deepEqual([called.status, called.stdout, called.stderr], [100, '', stderr]);
  });

test('what begins with two dashes ends the options', (t) => {
  const called = call(home(t, '#\n'), ['--n']);
  assert.deepEqual([called.status, called.stdout, called.stderr], [0, 'did 0+0+0\n', '']);
});

test('a Delivered-To line that the message ends within is no loop', (t) => {
  const root = home(t, './Mailbox\n');
  assert.equal(call(root, ['--'], { input: 'a: b\nDelivered-To: joe@example.jp' }).status, 0);
  const looped = call(root, ['--'], { input: 'a: b\nDelivered-To: joe@example.jp\n' });
  assert.deepEqual(
    [looped.status, looped.stderr],
    [100, 'This message is looping: it already has my Delivered-To line. (#5.4.6)\n'],
  );
});

test('why an mbox could not be written is told, also of what has no length', (t) => {
  const root = home(t, '/dev/full\n');
  mkdirSync(path.join(root, 'dev'));
  spawnSync('ln', ['-s', '/dev/full', path.join(root, 'dev/full')]);
  const full = call(root, ['--']);
  assert.deepEqual([full.status, full.stderr], [111, 'Unable to write /dev/full: out of disk space. (#4.3.0)\n']);
});

test('a program in the place of qmail-queue sees the variables of the delivery', (t) => {
  const root = home(t, '&far@example.org\n');
  mkdirSync(path.join(root, 'var/qmail'), { recursive: true });
  const seen = path.join(root, 'seen');
  writeFileSync(
    path.join(root, 'scanner'),
    `#!/bin/sh\necho "$EXT|$HOST|$NEWSENDER|$DTLINE" > ${seen}\ncat > /dev/null\ncat <&1 > /dev/null\n`,
    { mode: 0o755 },
  );
  const called = call(root, ['--'], { env: { QMAILQUEUE: path.join(root, 'scanner') } });
  assert.equal(called.status, 0, called.stderr);
  assert.equal(readFileSync(seen, 'utf8'), '|example.jp|a@b.example|Delivered-To: joe@example.jp\n\n');
});

test('a program that queues without reading everything has not queued', (t) => {
  const root = home(t, '&far@example.org\n');
  mkdirSync(path.join(root, 'var/qmail'), { recursive: true });
  writeFileSync(path.join(root, 'hasty'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const called = call(root, ['--'], {
    env: { QMAILQUEUE: path.join(root, 'hasty') },
    input: message + 'x\n'.repeat(500_000),
  });
  assert.deepEqual([called.status, called.stderr], [111, 'Unable to forward message: qq read error (#4.3.0).\n']);
});
