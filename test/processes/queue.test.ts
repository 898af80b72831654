// `vqmail serve --queue`: who works on the queue, what its process is called, that the signals which people and tools send to qmail-send mean the same to it, and that two
// never work on one queue.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Layout } from '../../src/layout.js';
import { enqueue } from '../../src/queue/enqueue/native.js';
import { QueueFiles } from '../../src/queue/files.js';
import { takeMutex } from '../../src/queue/mutex.js';
import { QueueTree } from '../../src/queue/tree.js';
import { childrenOf, nameOf, titleOf } from '../support/child-processes.js';
import { needs, needsRoot } from '../support/needs.js';
import { makeQueue } from '../support/queue-host.js';
import { buildTree, newRoot, removeRoot } from '../support/recording.js';
import { type StartedServer, startServer } from '../support/started-server.js';
import { sampleTree, until } from './sample-server.js';

/** Serves the sample host with an empty queue. */
async function start(
  t: TestContext,
  options: readonly string[],
  prepare: (root: string) => Promise<unknown> = async () => {},
): Promise<{ server: StartedServer; root: string }> {
  const root = newRoot('vqmail-queue');
  t.after(() => removeRoot(root));
  buildTree(sampleTree(), root);
  makeQueue(root);
  await prepare(root);
  const server = await startServer(['--root', root, '--listen', 'smtp=127.0.0.1:0', '--queue', 'auto', ...options]);
  t.after(async () => {
    if (server.process.exitCode === null && server.process.signalCode === null) await server.stop('SIGKILL');
  });
  return { server, root };
}

/** The processes of a server that the word finds, as ps, pgrep and killall look for it. */
function named(pid: number | undefined, word: string): number[] {
  assert.ok(pid);
  return [pid, ...childrenOf(pid)].filter(
    (process) => titleOf(process).includes(word) || nameOf(process).includes(word),
  );
}

async function queueOf(root: string): Promise<QueueTree> {
  const tree = await QueueTree.open(new Layout({ root }), new QueueFiles());
  assert.ok(tree);
  return tree;
}

/** Queues a message for a host that nobody has. */
async function queueMessage(root: string, recipient: string): Promise<string> {
  const place = { tree: await queueOf(root), files: new QueueFiles(), owner: undefined };
  const invoker = { invokedBy: 'network' as const, uid: 0, pid: 42, nowSeconds: Math.floor(Date.now() / 1000) };
  const message = Buffer.from('Subject: x\n\ny\n');
  return (await enqueue(place, { message, sender: '', recipients: [recipient], ...invoker })).id;
}

/** Holds the lock as qmail-send does, from another process. */
async function holdLock(t: TestContext, root: string): Promise<ChildProcess> {
  const mutex = (await queueOf(root)).mutex;
  // Without a process between: whoever kills it ends the one that holds the lock.
  const holder = spawn('flock', ['--no-fork', '-x', mutex, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return holder;
}

test('one process: instead of qmail-send when its lock is free, called so, and its signals count', async (t) => {
  const { server, root } = await start(t, ['--workers', '0']);
  await until(() => server.log().includes('status: local 0/10 remote 0/20\n'));
  assert.match(
    server.log(),
    /^queue: instead of qmail-send, whose lock is free: \/var\/qmail\/queue\/lock\/sendmutex$/m,
  );
  assert.deepEqual(named(server.process.pid, 'qmail-send'), [server.process.pid]);
  assert.equal(nameOf(server.process.pid ?? 0), 'qmail-send');
  assert.equal(takeMutex(await queueOf(root)), undefined, 'a second one cannot have it');

  writeFileSync(path.join(root, 'var/qmail/control/smtproutes'), ':127.0.0.1:1\n');
  const id = await queueMessage(root, 'user@nowhere.example');
  await until(() => server.log().includes('delivery 1: deferral: '));
  assert.match(server.log(), new RegExp(`^new msg ${id}\\ninfo msg ${id}: bytes \\d+ from <> qp 42 uid 0$`, 'm'));
  server.process.kill('SIGALRM');
  await until(() => server.log().includes(`starting delivery 2: msg ${id} to remote user@nowhere.example\n`));
  await until(() => server.log().includes('delivery 2: deferral: '));

  writeFileSync(path.join(root, 'var/qmail/control/virtualdomains'), 'nowhere.example:someone\n');
  server.process.kill('SIGHUP');
  await until(() => server.log().includes('SIGHUP: controls'));
  await queueMessage(root, 'user@nowhere.example');
  await until(() => server.log().includes('to local someone-user@nowhere.example\n'));

  assert.equal(await server.stop(), 0);
  assert.match(server.log(), /^status: exiting$/m);
  const lock = takeMutex(await queueOf(root));
  assert.ok(lock, 'the queue was given back');
  lock.release();
});

test('with the lock held: auto goes beside, instead refuses in one clear line', async (t) => {
  if (!needs(t, 'flock')) return;
  const { server, root } = await start(t, ['--workers', '0'], (root) => holdLock(t, root));
  assert.match(server.log(), /^queue: beside qmail-send, which works on \/var\/qmail\/queue$/m);
  assert.deepEqual(named(server.process.pid, 'qmail-send'), []);
  await queueMessage(root, 'user@nowhere.example');
  await assert.rejects(
    startServer(['--root', root, '--workers', '0', '--queue', 'instead', '--listen', 'smtp=127.0.0.1:0']),
    /ended with 111 [\s\S]*vqmail: \/var\/qmail\/queue\/lock\/sendmutex: cannot start: qmail-send is already running and holds this lock; stop it first, or serve with --queue beside\n$/,
  );
  assert.equal(await server.stop(), 0);
  assert.doesNotMatch(server.log(), /new msg/);
});

test('--queue beside leaves a free queue alone', async (t) => {
  const { server, root } = await start(t, ['--workers', '0', '--queue', 'beside']);
  const lock = takeMutex(await queueOf(root));
  assert.ok(lock);
  lock.release();
  assert.equal(await server.stop(), 0);
});

test('--log-format json says the same as objects', async (t) => {
  const { server, root } = await start(t, ['--workers', '0', '--log-format', 'json']);
  writeFileSync(path.join(root, 'var/qmail/control/smtproutes'), ':127.0.0.1:1\n');
  await queueMessage(root, 'a b@nowhere.example');
  await until(() => server.log().includes('"deferral"'));
  assert.equal(await server.stop(), 0);
  const objects = server
    .log()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(objects.every(({ time, event }) => typeof time === 'string' && typeof event === 'string'));
  const starting = objects.find(({ event }) => event === 'starting');
  assert.deepEqual([starting?.delivery, starting?.channel, starting?.to], [1, 'remote', 'a b@nowhere.example']);
});

test('as root: a process of its own has the name, and no other; when it dies another one goes on', async (t) => {
  if (!needsRoot(t)) return;
  const { server, root } = await start(t, ['--workers', '1']);
  const pid = server.process.pid;
  // What proc lists may lack a process while another one ends.
  const queueProcess = async (other?: number): Promise<number> => {
    const isFound = (process: number): boolean => process !== other;
    await until(() => named(pid, 'qmail-send').some(isFound));
    const found = named(pid, 'qmail-send').find(isFound);
    assert.ok(found);
    return found;
  };
  await until(() => server.log().includes('status: local 0/10'));
  const first = await queueProcess();
  assert.deepEqual(named(pid, 'qmail-send'), [first]);
  assert.equal(nameOf(first), 'qmail-send');
  writeFileSync(path.join(root, 'var/qmail/control/smtproutes'), ':127.0.0.1:1\n');
  const id = await queueMessage(root, 'user@nowhere.example');
  await until(() => server.log().includes(`: msg ${id} to remote`));

  process.kill(first, 'SIGKILL');
  await until(() => server.log().split('queue: instead of qmail-send').length === 3);
  const second = await queueProcess(first);
  await until(() => server.log().split(`: msg ${id} to remote`).length >= 3);

  // SIGTERM at qmail-send alone: it gives the queue back in order, and is started again.
  process.kill(second, 'SIGTERM');
  await until(() => server.log().includes('status: exiting'));
  await until(() => server.log().split('queue: instead of qmail-send').length === 4);
  assert.equal(await server.stop(), 0);
});
