// maildirmake, qmail-tcpto and qmail-tcpok; what the programs of .qmail files do beyond their recordings.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { takeLock } from '../../../src/files/locks/lock.js';
import { Layout } from '../../../src/layout.js';
import { callTool } from '../../support/call-tool.js';
import { fixtures, newRoot, put, removeRoot } from '../../support/recording.js';

function place(t: TestContext): { root: string; layout: Layout } {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return { root, layout: new Layout({ root }) };
}

test('qmail-showctl: the recorded control directories', async () => {
  interface ShowctlRecording {
    readonly passwd: string;
    readonly group: string;
    readonly steps: readonly {
      readonly note: string;
      readonly control: Readonly<Record<string, string | null>>;
      readonly exit: number;
      readonly stdout: string;
    }[];
  }
  const file = path.join(fixtures, 'recordings/filters/qmail-showctl.json');
  const { passwd, group, steps } = JSON.parse(readFileSync(file, 'utf8')) as ShowctlRecording;
  for (const { note, control, exit, stdout } of steps) {
    const root = newRoot();
    const layout = new Layout({ root });
    mkdirSync(layout.controlDirectory, { recursive: true });
    put(path.join(root, 'etc/passwd'), { text: passwd });
    put(path.join(root, 'etc/group'), { text: group });
    for (const [name, text] of Object.entries(control)) {
      if (text === null) mkdirSync(layout.control(name));
      else writeFileSync(layout.control(name), text, 'latin1');
    }
    // The names that are not known come in the order of the directory.
    const inOrder = (output: string): string[] => output.split('\n\n').sort();
    const shown = await callTool(root, ['qmail-showctl']);
    assert.deepEqual([shown.exit, shown.stderr], [exit, ''], note);
    assert.deepEqual(inOrder(`${shown.stdout}\n`), inOrder(`${stdout}\n`), note);
    removeRoot(root);
  }
});

test('maildirmake: a directory with three more, 0700 whatever the mask is', async (t) => {
  const { root } = place(t);
  const mask = process.umask(0o777);
  const made = await callTool(root, ['maildirmake', path.join(root, 'Maildir')]).finally(() => process.umask(mask));
  assert.deepEqual(made, { exit: 0, stdout: '', stderr: '' });
  for (const name of ['', 'tmp', 'new', 'cur'])
    assert.equal(statSync(path.join(root, 'Maildir', name)).mode & 0o7777, 0o700, name);
  const name = path.join(root, 'Maildir');
  assert.deepEqual(await callTool(root, ['maildirmake', name]), {
    exit: 111,
    stdout: '',
    stderr: `maildirmake: fatal: unable to mkdir ${name}: file already exists\n`,
  });
  assert.deepEqual(await callTool(root, ['maildirmake', path.join(root, 'a/b')]), {
    exit: 111,
    stdout: '',
    stderr: `maildirmake: fatal: unable to mkdir ${root}/a/b: file does not exist\n`,
  });
  assert.equal((await callTool(root, ['maildirmake'])).stderr, 'maildirmake: usage: maildirmake name\n');
});

/** A record of the table, some seconds old. */
function timeout(ip: string, count: number, age: number): Buffer {
  const record = Buffer.alloc(16);
  for (const [at, octet] of ip.split('.').entries()) record[at] = Number(octet);
  record[4] = count;
  record.writeUInt32LE(Math.floor(Date.now() / 1000) - age, 8);
  return record;
}

const tables: readonly {
  readonly why: string;
  readonly records: readonly Buffer[];
  readonly says: readonly string[];
}[] = [
  { why: 'nothing is in it', records: [Buffer.alloc(1024)], says: [] },
  {
    why: 'records that are free are left out',
    records: [
      timeout('192.0.2.1', 0, 100),
      timeout('10.1.2.3', 10, 3600),
      Buffer.alloc(16),
      timeout('255.255.255.255', 3, 7),
    ],
    says: [
      '10.1.2.3 timed out 3600 seconds ago; # recent timeouts: 10',
      '255.255.255.255 timed out 7 seconds ago; # recent timeouts: 3',
    ],
  },
  {
    why: 'a piece of a record',
    records: [timeout('127.0.0.9', 2, 5), Buffer.of(1, 2, 3)],
    says: ['127.0.0.9 timed out 5 seconds ago; # recent timeouts: 2'],
  },
  {
    why: 'more than its 64 records',
    records: Array.from({ length: 70 }, () => timeout('192.0.2.4', 1, 1)),
    says: Array.from({ length: 64 }, () => '192.0.2.4 timed out 1 seconds ago; # recent timeouts: 1'),
  },
];
for (const { why, records, says } of tables) {
  test(`qmail-tcpto: ${why}`, async (t) => {
    const { root, layout } = place(t);
    mkdirSync(path.dirname(layout.tcpto), { recursive: true });
    writeFileSync(layout.tcpto, Buffer.concat(records));
    const { exit, stdout } = await callTool(root, ['qmail-tcpto']);
    assert.equal(exit, 0);
    // The clock may have gone on.
    const soon = (line: string): string =>
      line.replace(/\b\d+(?= seconds)/, (age) => String(Math.round(Number(age) / 50)));
    assert.deepEqual(stdout.split('\n').slice(0, -1).map(soon), says.map(soon));
  });
}

test('qmail-tcpok: the table is emptied, under the lock', async (t) => {
  const { root, layout } = place(t);
  mkdirSync(path.dirname(layout.tcpto), { recursive: true });
  writeFileSync(layout.tcpto, Buffer.concat([timeout('192.0.2.1', 2, 1), Buffer.alloc(1008)]));
  const lock = await takeLock(layout.tcpto, { kind: 'flock' });
  const emptied = callTool(root, ['qmail-tcpok']);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.notDeepEqual(readFileSync(layout.tcpto), Buffer.alloc(1024), 'somebody else has the lock');
  lock.release();
  assert.deepEqual(await emptied, { exit: 0, stdout: '', stderr: '' });
  assert.deepEqual(readFileSync(layout.tcpto), Buffer.alloc(1024));
});

test('without a table qmail-tcpto and qmail-tcpok say so', async (t) => {
  const { root } = place(t);
  assert.deepEqual(await callTool(root, ['qmail-tcpto']), {
    exit: 111,
    stdout: 'fatal: unable to open tcpto: file does not exist\n',
    stderr: '',
  });
  assert.deepEqual(await callTool(root, ['qmail-tcpok']), {
    exit: 111,
    stdout: '',
    stderr: 'qmail-tcpok: fatal: unable to write /var/qmail/queue/lock/tcpto: file does not exist\n',
  });
});

test('preline: a program that has seen enough is no failure; the original puts a large message off for ever', async (t) => {
  const { root } = place(t);
  const env = { UFLINE: 'u', RPLINE: 'r', DTLINE: 'd', PATH: process.env.PATH ?? '' };
  assert.equal((await callTool(root, ['preline', 'true'], { env, stdin: Buffer.alloc(1_000_000, 'x') })).exit, 0);
});
