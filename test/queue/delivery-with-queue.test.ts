// One message for Maildirs and for the queue: which recipients go where, and that all or none are answered. A process is killed before each act on the queue and between queue and Maildirs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Delivery, Resolution } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { TemporaryError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { deliveryWithQueue, type QueueWays } from '../../src/queue/delivery-with-queue.js';
import { openHost } from '../../src/stores/host.js';
import { collectingQueue } from '../support/collecting-queue.js';
import { maildirOf, makeDeliveryHost, newMessages, temporaryFiles } from '../support/delivery-host.js';
import { makeQueue } from '../support/queue-host.js';
import { countQueue } from '../support/queue-reader.js';
import { newRoot, removeRoot } from '../support/recording.js';

const submission = { invokedBy: 'network', number: 42, serverLine: 'Received: from x\n' } as const;
const receivedLines = `Received: (qmail 42 invoked from network)\n${submission.serverLine}`;

function setUp(t: TestContext) {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeDeliveryHost(root, { accounts: 2 });
  const [own, hosts, program] = [collectingQueue(), collectingQueue(), collectingQueue()];
  const has = { own: true, hosts: false };
  const ways: QueueWays = {
    own: () => (has.own ? own : undefined),
    hosts: () => (has.hosts ? hosts : undefined),
    program: () => program,
  };
  const delivery = deliveryWithQueue(createDelivery(openHost(new Layout({ root }))), ways, silentLog);
  return { layout, delivery, own, hosts, program, has };
}

const forward: Resolution = {
  recipient: 'fw@example.jp',
  outcome: { kind: 'queue', reason: 'forward', code: 451, status: '4.3.5', text: '' },
};
const remote: Resolution = {
  ...forward,
  recipient: 'x@far.example',
  outcome: { ...forward.outcome, reason: 'remote' } as Resolution['outcome'],
};

async function send(
  delivery: Delivery,
  recipients: readonly Resolution[],
  program?: string,
): Promise<number | undefined> {
  const own = program === undefined ? submission : { ...submission, program: { path: program, environment: {} } };
  const message = delivery.accept({ sender: 'a@b', recipients, receivedLines, submission: own });
  await message.write(Buffer.from('Subject: x\n\ny\n'));
  await message.commit();
  return message.queuedAs;
}

test('each recipient goes its way, with the lines that belong there', async (t) => {
  const { layout, delivery, own } = setUp(t);
  const direct = await delivery.resolve('u0@example.jp');
  assert.equal(await send(delivery, [direct, forward, remote]), 42);
  assert.deepEqual(own.queued, [
    {
      submitter: { invokedBy: 'network', number: 42 },
      message: 'Received: from x\nSubject: x\n\ny\n',
      sender: 'a@b',
      recipients: ['fw@example.jp', 'x@far.example'],
    },
  ]);
  const [text = ''] = newMessages(maildirOf(layout, 0)).values();
  assert.ok(text.includes(`${receivedLines}Subject: x\n`));
});

test('queue hosts get what is for the world, and everything where there is no queue', async (t) => {
  const { delivery, own, hosts, has } = setUp(t);
  has.hosts = true;
  await send(delivery, [forward, remote]);
  assert.deepEqual([own.queued[0]?.recipients, hosts.queued[0]?.recipients], [['fw@example.jp'], ['x@far.example']]);
  has.own = false;
  await send(delivery, [forward, remote]);
  assert.deepEqual(hosts.queued[1]?.recipients, ['fw@example.jp', 'x@far.example']);
  has.hosts = false;
  assert.equal(delivery.hasQueue?.(), false);
  await assert.rejects(send(delivery, [forward]), TemporaryError);
});

test('a program in the place of qmail-queue gets the whole message: it may be a scanner', async (t) => {
  const { layout, delivery, program } = setUp(t);
  const direct = await delivery.resolve('u0@example.jp');
  await send(delivery, [direct, forward], '/bin/scan');
  assert.deepEqual(program.queued[0]?.recipients, ['u0@example.jp', 'fw@example.jp']);
  assert.equal(newMessages(maildirOf(layout, 0)).size, 0);
});

test('when the queue fails, or a mailbox cannot take it, nobody gets it', async (t) => {
  const { layout, delivery, own } = setUp(t);
  const direct = await delivery.resolve('u0@example.jp');
  own.failure = new TemporaryError('4.3.0', 'qq write error or disk full (#4.3.0)');
  await assert.rejects(send(delivery, [direct, forward]), { message: 'qq write error or disk full (#4.3.0)' });
  assert.equal(newMessages(maildirOf(layout, 0)).size, 0);
  assert.deepEqual(temporaryFiles(maildirOf(layout, 0)), []);
  own.failure = undefined;
  const message = delivery.accept({ sender: 'a@b', recipients: [direct, forward], receivedLines, submission });
  await message.write(Buffer.from('Delivered-To: u0@example.jp\n\nloops\n'));
  await assert.rejects(message.commit());
  assert.deepEqual([own.queued.length, own.aborted], [0, 1]);
});

const writer = fileURLToPath(new URL(`../support/queueing-writer${path.extname(import.meta.url)}`, import.meta.url));

test('killed before each act: an acknowledged message is in both, and no message is in the Maildir alone', (t) => {
  let [killed, twice] = [0, 0];
  for (let killAt = 1; ; killAt++) {
    const root = newRoot();
    t.after(() => removeRoot(root));
    makeQueue(root);
    const layout = makeDeliveryHost(root, { accounts: 1 });
    const loader = process.execArgv.filter(
      (word, at, all) => word.startsWith('--import') || all[at - 1] === '--import',
    );
    const { signal } = spawnSync(process.execPath, [...loader, writer, root, String(killAt)], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    const { todo } = countQueue(layout.queue);
    const inbox = newMessages(maildirOf(layout, 0)).size;
    const isAcknowledged = existsSync(path.join(root, 'acknowledged'));
    assert.ok(inbox <= todo, `act ${killAt}: delivered, and lost for the queue`);
    if (isAcknowledged) assert.deepEqual([todo, inbox], [1, 1], readFileSync(path.join(root, 'acknowledged'), 'utf8'));
    if (signal !== 'SIGKILL') break;
    killed++;
    if (todo > inbox) twice++;
  }
  assert.ok(killed >= 12, `${killed} acts`);
  // These are sent again, and the queue has them twice: between its last steps and the Maildir's.
  assert.ok(twice > 0 && twice < 6, `${twice}`);
});
