// `vqmail auth`: what is asked of a running daemon, and the audit of passwords.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { GuessGate } from '../../../src/auth/guessing/guess-gate.js';
import { auth } from '../../../src/cli/auth/auth.js';
import { PermanentError, TemporaryError } from '../../../src/errors.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { LoginStatusSocket } from '../../../src/processes/login/status-socket.js';
import { capturedIo } from '../../support/captured-io.js';
import { applyWrite, newRoot, removeRoot } from '../../support/recording.js';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function place(t: TestContext): { readonly root: string; run(...args: string[]): Promise<Ran> } {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return {
    root,
    async run(...args) {
      const io = capturedIo({ layout: new Layout({ root }) });
      const status = await auth(args, io);
      const { stdout, stderr } = io.written();
      return { status, stdout: stdout.toString(), stderr: stderr.toString() };
    },
  };
}

/** A gate with a socket, as the daemon has them; an address and an account have failed. */
async function daemon(t: TestContext, root: string): Promise<{ readonly gate: GuessGate; readonly log: string[] }> {
  const log: string[] = [];
  const lines = lineLog((line) => log.push(line.trimEnd()));
  const gate = new GuessGate({ freeOfAddress: 2, freeOfAccount: 50, isFrontEnd: () => false, log: lines });
  const place = new Layout({ root }).loginSocket;
  const socket = new LoginStatusSocket(gate, place, lines);
  t.after(() => {
    socket.close();
    gate.close();
  });
  for (const outcome of ['right', 'wrong', 'wrong', 'wrong'] as const) {
    const admission = await gate.enter({ service: 'pop3', address: '192.0.2.1', account: `joe-${outcome}@example.jp` });
    assert.ok(admission.isAdmitted);
    admission.over(outcome);
  }
  while (statSync(`${place}.${process.pid}`, { throwIfNoEntry: false }) === undefined)
    await new Promise((resolve) => setImmediate(resolve));
  return { gate, log };
}

test('status shows what is known, the worst first; forget ends a pause', async (t) => {
  const { root, run } = place(t);
  const { gate } = await daemon(t, root);
  assert.equal(statSync(path.join(root, `run/vqmail/logins.${process.pid}`)).mode & 0o777, 0o600);
  assert.deepEqual(await run('status'), {
    status: 0,
    stdout:
      '1 right, 3 wrong, 0 put off since the start; 1 address is known for an account\n' +
      '192.0.2.1  3 wrong, put off for 1 seconds\n' +
      'joe-wrong@example.jp  3 wrong\n',
    stderr: '',
  });
  const { addresses } = JSON.parse((await run('status', '--json')).stdout) as ReturnType<GuessGate['status']>;
  assert.deepEqual(addresses, [{ key: '192.0.2.1', failures: 3, pauseSeconds: 1 }]);
  assert.match((await run('status', '--most', '0')).stdout, /\nand 1 more\nand 1 more\n$/);
  assert.deepEqual(await run('forget', '192.0.2.1', '192.0.2.9'), {
    status: 100,
    stdout: '',
    stderr: 'vqmail auth: 192.0.2.9: no wrong logins are known\n',
  });
  assert.deepEqual(gate.status().addresses, []);
  assert.equal((await run('forget', 'JOE-wrong@example.jp')).status, 0);
});

test('without a daemon, and with wrong arguments', async (t) => {
  const { run } = place(t);
  await assert.rejects(run('status'), TemporaryError);
  for (const args of [[], ['nonsense'], ['forget'], ['status', '--most', 'x'], ['audit', 'nosuch.example']])
    await assert.rejects(run(...args), PermanentError, args.join(' '));
  assert.match((await run('help')).stdout, /^usage: vqmail auth status\|forget KEY/);
});

test('a socket that nobody can make is a warning, and no more', async (t) => {
  const { root } = place(t);
  applyWrite({ '/run': 'a file\n' }, root);
  const log: string[] = [];
  const lines = lineLog((line) => log.push(line.trimEnd()));
  const gate = new GuessGate({ freeOfAddress: 2, freeOfAccount: 2, isFrontEnd: () => false, log: lines });
  t.after(() => gate.close());
  new LoginStatusSocket(gate, new Layout({ root }).loginSocket, lines).close();
  while (log.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(log.join('\n'), /^warning: vqmail auth cannot ask this daemon: E/);
});

const md5 = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
const md5OfJoe123 = '$1$abcdefgh$8osH839PPEOvr4UF0aeKs/';
const sha512 = '$6$saltsalt$Fp5z/kpnTT5Z0lkrzlmKPc4nmDdJ.JwspY0XB1nNbjOn1fdeNmt/MfPJRrHMFMgvk3zPh4qsNx1YGdJ2Xs5rJ.';
const line = (name: string, passwd: string, clear = ''): string =>
  `${name}:${passwd}:1:0:${name}:/home/vpopmail/domains/example.jp/${name}:NOQUOTA${clear}\n`;

function writeHost(root: string, vpasswd: string): void {
  const assign = ['example.jp', 'alias.example.jp', 'other.example']
    .map((name) => {
      const real = name === 'alias.example.jp' ? 'example.jp' : name;
      return `+${name}-:${real}:89:89:/home/vpopmail/domains/${real}:-::\n`;
    })
    .join('');
  applyWrite(
    {
      '/var/qmail/users/assign': `${assign}.\n`,
      '/home/vpopmail/domains/example.jp/vpasswd': vpasswd,
      '/home/vpopmail/domains/other.example/vpasswd': line('kim', sha512),
    },
    root,
  );
}

const accounts =
  line('ann', sha512) +
  line('bob', md5, ':known99') +
  line('carl', sha512, ':carl123') +
  'a broken line\n' +
  line('des', 'abJnggxhB/yWI') +
  line('joe', md5OfJoe123) +
  line('nobody', '*') +
  line('open', '');

test('audit: one line for each account that is worth a thought, and the counts', async (t) => {
  const { root, run } = place(t);
  writeHost(root, accounts);
  const file = '/home/vpopmail/domains/example.jp/vpasswd';
  assert.deepEqual(await run('audit'), {
    status: 1,
    stdout: [
      `${file}:2: bob: weak password (shorter than 8 characters); stored in clear; old hash (md5)`,
      `${file}:3: carl: weak password (made of the address); stored in clear`,
      `${file}:5: des: DES hash, of which eight characters count`,
      `${file}:6: joe: old hash (md5)`,
      `${file}:7: nobody: no password can match the hash`,
      `${file}:8: open: no password`,
      'hashes: 3 sha512, 2 md5, 1 des, 1 unusable, 1 none',
      'clear passwords: 2 of 8 accounts',
      'weak passwords: 2',
      '',
    ].join('\n'),
    stderr: '',
  });
});

test('audit --guess tries what is likely against hashes, and clear passwords too', async (t) => {
  const { root, run } = place(t);
  writeHost(root, accounts);
  const { stdout, status } = await run('audit', '--guess', 'alias.example.jp');
  assert.equal(status, 1);
  assert.match(stdout, /:6: joe: weak password \(made of the address\); old hash \(md5\)\n/);
  assert.match(stdout, /:2: bob: weak password \(shorter than 8 characters\); stored in clear; old hash/);
  assert.match(stdout, /:3: carl: .*the clear password is another one than the hash is of/);
  assert.match(stdout, /\nclear passwords that are not the hash's: 1\n$/);
});

test('audit of a domain, its counts alone, as JSON; exit 0 where nothing is weak', async (t) => {
  const { root, run } = place(t);
  writeHost(root, accounts);
  const counts = 'hashes: 1 sha512\nclear passwords: 0 of 1 accounts\nweak passwords: 0\n';
  assert.deepEqual(await run('audit', 'Other.Example'), { status: 0, stdout: counts, stderr: '' });
  assert.match((await run('audit', '--summary')).stdout, /^hashes: .*\nclear .*\nweak .*\n$/);
  const json = (await run('audit', '--json', 'other.example')).stdout.trimEnd().split('\n');
  assert.deepEqual(
    json.map((text) => JSON.parse(text) as object),
    [
      {
        path: '/home/vpopmail/domains/other.example/vpasswd',
        line: 1,
        name: 'kim',
        domain: 'other.example',
        hash: 'sha512',
        hasClear: false,
        isStale: false,
      },
      { accounts: 1, clear: 0, weak: 0, stale: 0, hashes: { sha512: 1 } },
    ],
  );
});
