// A queue at work in a process of its own, for tests that kill it: `queue-under-test ROOT KILL_AT MESSAGES`. It queues that many messages for several recipients and as many for one, delivers what is in the queue until nothing is
// left, and ends. Each act on the disk and each delivery is counted, and before the one with the number KILL_AT (0: none) the process kills itself with SIGKILL. It prints how
// many there were.
//
// What a delivery "does" is one line in ROOT/delivered: the channel, the recipient and the message's own name, appended at once. A message counts as acknowledged when its name
// stands in ROOT/acknowledged.

import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { DeliveryChannel, DeliveryReport } from '../../src/delivery/report.js';
import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { readQueueControls } from '../../src/queue/controls.js';
import { enqueue, NativeMessage, type QueueInvoker, type QueuePlace } from '../../src/queue/enqueue/native.js';
import { QueueFiles } from '../../src/queue/files.js';
import { lineQueueLog } from '../../src/queue/log.js';
import { QueueManager } from '../../src/queue/manager.js';
import { takeMutex } from '../../src/queue/mutex.js';
import { queueOwners } from '../../src/queue/owners.js';
import { QueueTree } from '../../src/queue/tree.js';
import { openHost } from '../../src/stores/host.js';
import { countQueue } from './queue-reader.js';

/** The recipients of every message: two that work, two that fail, some at one remote host, and one that works at the second try. */
export const recipients = [
  'ok@local.example',
  'fail@local.example',
  'later@local.example',
  'ok1@remote.example',
  'ok2@remote.example',
  'fail@remote.example',
] as const;
export const sender = 'sender@local.example';

/** Works on the queue below `root` until it is empty. @returns how many acts there were */
export async function workUntilEmpty(root: string, killAt: number, messages: number): Promise<number> {
  let acts = 0;
  const act = (): void => {
    if (++acts === killAt) process.kill(process.pid, 'SIGKILL');
  };
  const files = new QueueFiles(act);
  const host = openHost(new Layout({ root }));
  const tree = await QueueTree.open(host.layout, files);
  if (tree === undefined) throw new Error('no queue');
  const lock = takeMutex(tree);
  if (lock === undefined) throw new Error('the queue is taken');
  const owners = queueOwners(tree, host.accounts);
  const place = { tree, files, owner: owners.queue };
  const invoker = (): { uid: number; pid: number; nowSeconds: number } => ({
    uid: 0,
    pid: process.pid,
    nowSeconds: Math.floor(Date.now() / 1000),
  });
  const manager = new QueueManager({
    tree,
    files,
    owners,
    control: host.control,
    controls: readQueueControls(host.control),
    channels: { local: countedChannel(root, 'local', act), remote: countedChannel(root, 'remote', act) },
    enqueue: (notice) => enqueue(place, { ...notice, ...invoker(), invokedBy: 'bounce' }),
    log: lineQueueLog(silentLog),
  });
  await manager.start();
  for (let n = 0; n < messages; n++) {
    const name = `message-${process.pid}-${n}`;
    const message = Buffer.from(`Subject: ${name}\n\nbody\n`);
    await enqueue(place, { message, sender, recipients, ...invoker(), invokedBy: 'network' });
    appendFileSync(path.join(root, 'acknowledged'), `${name}\n`);
    // To one recipient, who is quick from the second on.
    const single = `single-${process.pid}-${n}`;
    await handIn({ ...place, firstTries: manager.firstTries, wake: (id) => manager.found(id) }, invoker(), single);
    appendFileSync(path.join(root, 'acknowledged'), `${single}\n`);
  }
  await emptied(manager, host.layout.queue);
  await manager.stop();
  lock.release();
  return acts;
}

async function handIn(place: QueuePlace, by: Omit<QueueInvoker, 'invokedBy'>, name: string): Promise<void> {
  const message = NativeMessage.begin(place, { ...by, invokedBy: 'network' });
  const envelope = { sender, recipients: [recipients[0]] };
  message.write(Buffer.from(`Subject: ${name}\n\nbody\n`));
  if (await message.offer(envelope)) return;
  await message.finish();
  await message.commit(envelope);
}

async function emptied(manager: QueueManager, queue: string): Promise<void> {
  for (let idle = 0; ; await pause(2)) {
    const { all, todo } = countQueue(queue);
    if (all === 0) return;
    const { local, remote } = manager.running;
    idle = local + remote + todo > 0 ? 0 : idle + 1;
    // What was put off, and what a crash has left without an envelope, would wait for hours.
    if (idle > 5) manager.runAll();
    if (idle > 50) return;
  }
}

/** Delivers into a list. */
function countedChannel(root: string, name: string, act: () => void): DeliveryChannel {
  const triedBefore = new Set<string>();
  const deliver = (text: string, recipient: string): DeliveryReport => {
    if (recipient.includes('fail@')) return { outcome: 'failure', text: 'no such user\n' };
    const key = `${recipient} ${text}`;
    if (recipient.includes('later@') && !triedBefore.has(key)) {
      triedBefore.add(key);
      return { outcome: 'deferral', text: 'not now\n' };
    }
    const isNotice = text.includes('\nSubject: failure notice\n');
    act();
    appendFileSync(path.join(root, 'delivered'), `${name} ${recipient} ${isNotice ? 'notice ' : ''}${nameIn(text)}\n`);
    act();
    return { outcome: 'success', text: 'did 1+0+0\n' };
  };
  return {
    async deliver({ message, recipients }, report) {
      const text = readFileSync(message.path, 'latin1');
      for (const [index, recipient] of recipients.entries()) {
        await pause(1);
        report(index, deliver(text, recipient));
      }
    },
    async close() {},
  };
}

function nameIn(text: string): string {
  return /(?:message|single)-\d+-\d+/.exec(text)?.[0] ?? 'unknown';
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [root = '', killAt, messages] = process.argv.slice(2);
  process.stdout.write(`${await workUntilEmpty(root, Number(killAt), Number(messages))}\n`);
}
