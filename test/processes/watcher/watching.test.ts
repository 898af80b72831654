// `vqmail serve` and `vqmail watch` on a host whose files change: sessions end wherever they are, events are logged, told to a program, printed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { changeAccount, removeAccount, setField } from '../../support/account-change.js';
import { childrenOf, titleOf } from '../../support/child-processes.js';
import { needsRoot } from '../../support/needs.js';
import { buildTree, newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';
import { giveToHoster, hosterDirectory, hosterDomain } from '../foreign-domain.js';
import { sampleTree, startSampleHost, TextClient, until } from '../sample-server.js';

const mailtest = 'home/vpopmail/domains/mailtest.example.jp';
const ended = '-ERR the account has changed, log in again';

/** A POP3 client that has logged in with the demo's password, not from the host itself. */
async function loggedIn(port: number | undefined, login: string): Promise<TextClient> {
  const client = await TextClient.open(port, '127.0.0.2');
  await client.ask(`USER ${login}`);
  assert.match(await client.ask('PASS password'), /^\+OK/, login);
  return client;
}

async function assertEnded(client: TextClient): Promise<void> {
  assert.equal(await client.line(), ended);
  client.destroy();
}

/** A program that appends what it is told to a file. */
function recorder(t: TestContext): { program: string; lines: () => string[] } {
  const directory = newRoot('vqmail-on-change');
  t.after(() => removeRoot(directory));
  chmodSync(directory, 0o755);
  const [program, output] = [path.join(directory, 'program'), path.join(directory, 'output')];
  writeFileSync(output, '');
  chmodSync(output, 0o666);
  writeFileSync(program, `#!/bin/sh\n{ cat; id -u; } >> '${output}'\n`, { mode: 0o755 });
  return { program, lines: () => readFileSync(output, 'utf8').split('\n').slice(0, -1) };
}

function watchersOf(pid: number | undefined): number[] {
  return childrenOf(pid).filter((child) => titleOf(child).startsWith('vqmail: watcher'));
}

function uidOf(pid: number | undefined): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

test('one process: sessions end, events are logged and told to the program, a control file counts', async (t) => {
  const { program, lines } = recorder(t);
  const { server, root } = await startSampleHost(t, [
    '--workers',
    '0',
    '--pop-before-smtp',
    'off',
    '--on-change',
    program,
  ]);
  await until(() => server.log().includes('accounts are watched'));
  const removed = await loggedIn(server.ports.pop3, 'test@mailtest.example.jp');
  const stays = await loggedIn(server.ports.pop3, 'hanako@mailtest.example.jp');
  changeAccount(path.join(root, mailtest), 'test', removeAccount);
  await assertEnded(removed);
  assert.match(server.log(), /^watch: user removed test@mailtest\.example\.jp$/m);
  assert.match(server.log(), /^pop3: the session of test@mailtest\.example\.jp ends: the account was removed$/m);
  assert.match(await stays.ask('NOOP'), /^\+OK/);
  changeAccount(path.join(root, mailtest), 'hanako', setField(1, 'x'));
  await assertEnded(stays);

  await until(() => lines().length >= 4);
  const [first, , second] = lines().map((line) => JSON.parse(line) as Record<string, string>);
  assert.deepEqual([first?.event, first?.address], ['user removed', 'test@mailtest.example.jp']);
  assert.deepEqual([second?.event, second?.user], ['password changed', 'hanako']);

  for (const name of ['locals', 'me']) unlinkSync(path.join(root, 'var/qmail/control', name));
  await until(() => /a control file changed: unable to reread controls/.test(server.log()));
  assert.equal(await server.stop(), 0);
});

test('with --watch off nothing ends a session; with poll it ends without the kernel', async (t) => {
  for (const choice of ['off', 'poll']) {
    const { server, root } = await startSampleHost(t, ['--workers', '0', '--watch', choice]);
    if (choice === 'poll') await until(() => server.log().includes('accounts are polled'));
    const client = await loggedIn(server.ports.pop3, 'test@mailtest.example.jp');
    changeAccount(path.join(root, mailtest), 'test', setField(3, '2'));
    if (choice === 'poll') await assertEnded(client);
    else {
      await sleep(1000);
      assert.match(await client.ask('NOOP'), /^\+OK/);
      assert.doesNotMatch(server.log(), /watch/);
      // What does not depend on the watcher: the next login.
      const next = await TextClient.open(server.ports.pop3, '127.0.0.2');
      await next.ask('USER test@mailtest.example.jp');
      assert.match(await next.ask('PASS password'), /^-ERR/);
    }
    assert.equal(await server.stop(), 0);
  }
});

test('as root: sessions end in all workers; a watcher of vpopmail sees it and runs the program', async (t) => {
  if (!needsRoot(t)) return;
  const { program, lines } = recorder(t);
  const { server, root } = await startSampleHost(t, [
    '--workers',
    '2',
    '--pop-before-smtp',
    'off',
    '--on-change',
    program,
  ]);
  await until(() => server.log().includes('accounts are watched'));
  const [watcher] = watchersOf(server.process.pid);
  assert.equal(uidOf(watcher), 6020);
  const clients = [];
  for (let n = 0; n < 4; n++) clients.push(await loggedIn(server.ports.pop3, 'test@mailtest.example.jp'));
  const other = await loggedIn(server.ports.pop3, 'hanako@mailtest.example.jp');
  changeAccount(path.join(root, mailtest), 'test', setField(1, 'x'));
  for (const client of clients) await assertEnded(client);
  assert.match(await other.ask('NOOP'), /^\+OK/);
  assert.match(server.log(), /^watch: password changed test@mailtest\.example\.jp$/m);
  await until(() => lines().length >= 2);
  assert.equal(lines()[1], '6020', 'the program runs as vpopmail');

  // A watcher that dies is replaced; what changed meanwhile has its consequence.
  assert.ok(watcher);
  process.kill(watcher, 'SIGKILL');
  changeAccount(path.join(root, mailtest), 'hanako', removeAccount);
  await assertEnded(other);
  await until(() => /^watch: domain changed mailtest\.example\.jp$/m.test(server.log()));
  assert.match(server.log(), new RegExp(`watcher ${watcher} ended with SIGKILL`));
  assert.equal(await server.stop(), 0);
});

test('as root: a domain of another uid is watched by a process of that uid, and its session ends in its agent', async (t) => {
  if (!needsRoot(t)) return;
  const { program, lines } = recorder(t);
  const options = ['--workers', '1', '--on-change', program];
  const { server, root } = await startSampleHost(t, options, giveToHoster);
  const watchers = (): number[] => watchersOf(server.process.pid);
  await until(() => (server.log().match(/accounts are watched/g) ?? []).length === 2);
  assert.deepEqual(watchers().map(uidOf).sort(), [6020, 7001]);
  const client = await loggedIn(server.ports.pop3, `mina@${hosterDomain}`);
  changeAccount(path.join(root, hosterDirectory), 'mina', setField(1, 'x'));
  await assertEnded(client);
  assert.match(server.log(), new RegExp(`^watch: password changed mina@${hosterDomain}$`, 'm'));
  await until(() => lines().some((line) => line.includes(`"address":"mina@${hosterDomain}"`)));
  assert.equal(await server.stop(), 0);
});

test('vqmail watch --json prints events until a signal', async (t) => {
  const root = newRoot('vqmail-watch');
  t.after(() => removeRoot(root));
  buildTree(sampleTree(), root);
  const child = spawn(process.execPath, [vqmailProgram, 'watch', '--root', root, '--json']);
  t.after(() => child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await until(() => errors.includes('accounts are watched'));
  changeAccount(path.join(root, mailtest), 'test', setField(6, '1000S'));
  await until(() => output.includes('\n'));
  const { at, ...event } = JSON.parse(output) as Record<string, string>;
  const [user, domain] = ['test', 'mailtest.example.jp'];
  const [before, after] = ['NOQUOTA', '1000S'];
  assert.deepEqual(event, { event: 'quota changed', domain, user, before, after, address: `${user}@${domain}` });
  assert.ok(!Number.isNaN(Date.parse(at ?? '')));
  child.kill('SIGTERM');
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(status, 0);
});

test('options that cannot be are refused', async (t) => {
  const rows: [string[], RegExp][] = [
    [['--watch', 'sometimes'], /--watch sometimes: choose one of auto, off, poll/],
    [['--watch', 'off', '--on-change', '/bin/true'], /--on-change: with --watch off nothing is told/],
    [['--on-change', '/nowhere/program'], /--on-change \/nowhere\/program: there is no such program/],
  ];
  for (const [options, text] of rows) await assert.rejects(startSampleHost(t, options), text);
});
