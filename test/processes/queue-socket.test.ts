// The socket of the queue process: messages of other processes, whom they are from, and who may give orders.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemAccounts } from '../../src/files/accounts.js';
import type { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { openQueueSocket, type QueueSocket } from '../../src/processes/queue/socket.js';
import { enqueueWhole } from '../../src/queue/enqueue/enqueuer.js';
import { nativeEnqueuer } from '../../src/queue/enqueue/native-enqueuer.js';
import { askQueueProcess, socketEnqueuer } from '../../src/queue/enqueue/over-socket.js';
import { QueueFiles } from '../../src/queue/files.js';
import { QueueTree } from '../../src/queue/tree.js';
import { until } from '../support/front-end.js';
import { needsRoot } from '../support/needs.js';
import { makeQueue } from '../support/queue-host.js';
import { countQueue } from '../support/queue-reader.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

interface Opened {
  readonly root: string;
  readonly layout: Layout;
  readonly socket: QueueSocket;
  /** One more at the same place, which gives its name to whoever orders. */
  openAnother(name: string, isFirst: boolean): Promise<QueueSocket>;
}

async function open(t: TestContext): Promise<Opened> {
  const root = newRoot();
  chmodSync(root, 0o755);
  const layout = makeQueue(root);
  const files = new QueueFiles();
  const tree = await QueueTree.open(layout, files);
  assert.ok(tree);
  const accounts = new SystemAccounts(layout);
  const enqueuer = nativeEnqueuer({ tree, files, accounts });
  const obey = async (orders: unknown): Promise<object> => ({ heard: orders });
  const socket = await openQueueSocket({
    path: layout.queueSocket,
    enqueuer,
    accounts,
    obey,
    hasMailbox: () => true,
    isFirst: false,
    log: silentLog,
  });
  assert.ok(socket);
  t.after(async () => {
    await socket.close(100);
    removeRoot(root);
  });
  const openAnother = async (name: string, isFirst: boolean): Promise<QueueSocket> => {
    const place = { path: layout.queueSocket, isFirst, hasMailbox: () => true, log: silentLog };
    const other = await openQueueSocket({ ...place, enqueuer, accounts, obey: async () => ({ name }) });
    assert.ok(other);
    return other;
  };
  return { root, layout, socket, openAnother };
}

function queuedMessages(queue: string): string[] {
  return readdirSync(path.join(queue, 'mess')).flatMap((place) =>
    readdirSync(path.join(queue, 'mess', place)).map((id) =>
      readFileSync(path.join(queue, 'mess', place, id), 'latin1'),
    ),
  );
}

const envelope = { sender: 'a@b', recipients: ['c@d'] };

test('a message goes through, with the number and the origin that a trusted process names', async (t) => {
  const { layout } = await open(t);
  const enqueuer = socketEnqueuer(layout.queueSocket);
  const large = Buffer.alloc(1024 * 1024, 'x\n');
  const submitter = { invokedBy: 'network', number: 77 } as const;
  assert.equal(await enqueueWhole(enqueuer, submitter, envelope, [large, large]), 77);
  const [text = ''] = queuedMessages(layout.queue);
  assert.match(text, /^Received: \(qmail 77 invoked from network\); /);
  assert.ok(text.endsWith(`${large}${large}`));
});

test("a message that is given up leaves nothing; one that cannot be queued is told in qmail-queue's words", async (t) => {
  const { layout } = await open(t);
  const enqueuer = socketEnqueuer(layout.queueSocket);
  const message = enqueuer.begin({ invokedBy: 'network' });
  await message.write(Buffer.from('x'));
  await message.abort();
  const long = { sender: 'a@b', recipients: ['x'.repeat(1003)] };
  await assert.rejects(enqueueWhole(enqueuer, { invokedBy: 'network' }, long, []), {
    message: 'envelope address too long for qq (#5.1.3)',
    exitCode: 11,
  });
  for (let tries = 0; countQueue(layout.queue).all > 0 && tries < 100; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(countQueue(layout.queue), { all: 0, todo: 0 });
});

test('nobody listens: told as a qmail-queue that cannot be run', async () => {
  const sent = enqueueWhole(socketEnqueuer('/nowhere/queue'), { invokedBy: 'network' }, envelope, []);
  await assert.rejects(sent, { message: 'unable to exec qq (#4.3.0)', exitCode: 120 });
  assert.equal(await askQueueProcess('/nowhere/queue', {}), undefined);
});

test('orders are taken from the own user', async (t) => {
  const { layout } = await open(t);
  assert.deepEqual(await askQueueProcess(layout.queueSocket, { order: 'times' }), { heard: { order: 'times' } });
});

test('of several servers of a host one has the place: who works on the queue first, and another when it ends', async (t) => {
  const { layout, socket, openAnother } = await open(t);
  const asked = (): Promise<object | undefined> => askQueueProcess<object>(layout.queueSocket, { order: 'times' });
  const beside = await openAnother('beside', false);
  assert.deepEqual(await asked(), { heard: { order: 'times' } });
  const instead = await openAnother('instead', true);
  assert.deepEqual(await asked(), { name: 'instead' });
  await socket.close(100);
  assert.deepEqual(await asked(), { name: 'instead' });
  await instead.close(100);
  await until(
    async () => JSON.stringify(await asked()) === '{"name":"beside"}',
    () => 'nobody took the place',
  );
  await beside.close(100);
  assert.deepEqual(readdirSync(path.dirname(layout.queueSocket)), []);
});

test('an ordinary user queues by qmail-queue, as whom it is whatever it says, and gives no orders', async (t) => {
  if (!needsRoot(t) || !existsSync(vqmailProgram)) return;
  const { root, layout } = await open(t);
  // spawnSync would keep this process, which has to answer, from doing so.
  const { spawn } = await import('node:child_process');
  const run = (script: string): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn('/bin/sh', ['-c', script], {
        uid: 7001,
        gid: 7001,
        env: { PATH: process.env.PATH, VQMAIL_ROOT: root },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      child.once('close', (code) => resolve(`${code}${output}`));
    });
  const tool = `${process.execPath} ${vqmailProgram}`;
  const envelopeFile = path.join(root, 'envelope');
  spawnSync('/bin/sh', ['-c', `printf 'Fa@b\\0Tc@d\\0\\0' > ${envelopeFile}; chmod 644 ${envelopeFile}`]);
  assert.equal(await run(`echo 'Subject: x' | ${tool} qmail-queue 1<${envelopeFile}`), '0');
  assert.match(queuedMessages(layout.queue)[0] ?? '', /^Received: \(qmail \d+ invoked by uid 7001\); /);
  assert.match(await run(`${tool} queue drop --all`), /^111/);
});
