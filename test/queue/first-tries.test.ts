// A message that is likely to be delivered at once is tried before it is queued (src/queue/intake/first-tries): what is on the disk meanwhile, and when its bearer hears of it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { DeliveryReport } from '../../src/delivery/report.js';
import {
  type AtWorkOptions,
  deferral,
  failure,
  type QueueAtWork,
  success,
  withQueueAtWork,
} from '../support/queue-at-work.js';

const to = 'ann@far.example';

/** What is done on the disk for one message, but for reading. */
function actsOf(acts: readonly (readonly [string, string])[], id: string): string[] {
  return acts
    .filter(([act, file]) => path.basename(file) === id && !['read', 'stat'].includes(act))
    .map(([act, file]) => `${act} ${/queue\/(\w+)\//.exec(file)?.[1]}`);
}

/** A queue to whose destination one message went at once. */
async function withQuickQueue(
  options: Omit<AtWorkOptions, 'answer'> & { readonly next?: DeliveryReport },
  work: (queue: QueueAtWork) => Promise<void>,
): Promise<void> {
  let isFirst = true;
  const answer = (): DeliveryReport | undefined => {
    const report = isFirst ? success : options.next;
    isFirst = false;
    return report;
  };
  await withQueueAtWork({ ...options, answer }, async (queue) => {
    await queue.start();
    await queue.handIn(to);
    await queue.emptied();
    await work(queue);
  });
}

function filesOf({ tree }: QueueAtWork, id: string): string[] {
  const files = {
    mess: tree.mess(id),
    intd: tree.intd(id),
    todo: tree.todo(id),
    info: tree.info(id),
    remote: tree.channel('remote', id),
  };
  return Object.entries(files).flatMap(([name, file]) => (existsSync(file) ? [name] : []));
}

test('the first message for a destination is queued; the next one has nothing but its text on the disk, and nothing is synced', () => {
  const acts: [string, string][] = [];
  return withQuickQueue({ before: (act, file) => acts.push([act, file]), next: success }, async (queue) => {
    assert.ok(acts.some(([act]) => act === 'sync'));
    acts.splice(0);
    const id = await queue.handIn(to);
    await queue.settled();
    assert.deepEqual(actsOf(acts, id), ['rename mess', 'unlink mess']);
    assert.ok(!acts.some(([act]) => act.startsWith('sync')));
    assert.deepEqual(
      queue.log.slice(-7).map((line) => line.replace(/\d{3,}/g, 'N').replace(/bytes \d+/, 'bytes 96')),
      [
        'new msg N',
        'info msg N: bytes 96 from <sender@local.example> qp 42 uid 0',
        `starting delivery 2: msg N to remote ${to}`,
        'status: local 0/10 remote 1/20',
        'delivery 2: success: ok/',
        'status: local 0/10 remote 0/20',
        'end msg N',
      ],
    );
  });
});

test('put off: it is queued, and its bearer hears so', () =>
  withQuickQueue({ next: deferral }, async (queue) => {
    const id = await queue.handIn(to);
    await queue.until(() => filesOf(queue, id).join() === 'mess,info,remote');
    await queue.until(() => queue.manager?.times().has(id) ?? false);
    const times = queue.manager?.times().get(id);
    assert.ok(Math.abs((times?.remote ?? 0) - queue.clock.now() - 400) <= 2, JSON.stringify(times));
    // Nor is the destination quick any more.
    const next = queue.handIn(to);
    await queue.until(() => queue.log.filter((line) => line.startsWith('delivery ')).length === 3);
    assert.deepEqual(filesOf(queue, await next).includes('mess'), true);
  }));

test('failed: it is queued, and the sender is told', () =>
  withQuickQueue({ next: failure }, async (queue) => {
    const id = await queue.handIn(to);
    await queue.until(() => queue.log.some((line) => line.startsWith(`bounce msg ${id} `)));
    assert.equal(queue.log.filter((line) => line === `new msg ${id}`).length, 1);
  }));

test('a try that takes longer than half a second: the bearer is answered when it is queued, and the end of the try counts', () =>
  withQuickQueue({}, async (queue) => {
    let heard = '';
    void queue.handIn(to).then((id) => {
      heard = id;
    });
    await queue.until(() => queue.attempts.length === 1);
    const id = path.basename(queue.attempts[0]?.message.path ?? '');
    assert.deepEqual([heard, filesOf(queue, id)], ['', ['mess']]);
    queue.clock.advance(1);
    await queue.until(() => heard === id);
    assert.deepEqual(filesOf(queue, id), ['mess', 'intd', 'todo']);
    queue.manager?.lookForNew();
    await queue.settled();
    assert.equal(queue.attempts.length, 1);
    // And when it goes on, it is preprocessed as any other.
    queue.clock.advance(2);
    await queue.until(() => filesOf(queue, id).join() === 'mess,info,remote');
    queue.attempts[0]?.end(success);
    await queue.emptied();
    assert.equal(queue.log.filter((line) => line === `end msg ${id}`).length, 1);
  }));

test('delivered while it is being queued: it is taken out of todo again', () => {
  const acts: [string, string][] = [];
  return withQuickQueue({ before: (act, file) => acts.push([act, file]) }, async (queue) => {
    const handing = queue.handIn(to);
    await queue.until(() => queue.attempts.length === 1);
    queue.clock.advance(1);
    queue.attempts[0]?.end(success);
    const id = await handing;
    await queue.emptied();
    assert.equal(queue.log.filter((line) => line === `end msg ${id}`).length, 1);
    // Nothing is preprocessed later: the number may be another message's.
    acts.splice(0);
    queue.clock.advance(5);
    await queue.settled();
    assert.deepEqual(actsOf(acts, id), []);
  });
});

for (const [end, report] of [
  ['delivered', success],
  ['put off', deferral],
] as const)
  test(`a disk that takes no envelope, and the message is ${end}: its bearer is told that it is not queued, and no other message is harmed`, () => {
    const before = (act: string, file: string): void => {
      if (isFull && act === 'create' && file.includes('/intd/'))
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    let isFull = false;
    return withQuickQueue({ before }, async (queue) => {
      isFull = true;
      const handing = queue.handIn(to);
      await queue.until(() => queue.attempts.length === 1);
      queue.clock.advance(1);
      await assert.rejects(handing, { exitCode: 65 });
      isFull = false;
      // It may get the number that has become free.
      const other = await queue.queue(['bob@far.example']);
      queue.attempts[0]?.end(report);
      await queue.settled();
      assert.ok(filesOf(queue, other).includes('mess'));
      queue.manager?.lookForNew();
      await queue.until(() => queue.attempts.length === 1);
      queue.attempts[0]?.end(success);
      await queue.emptied();
    });
  });

test('a stop has everything queued that is not over', () =>
  withQuickQueue({}, async (queue) => {
    const handing = queue.handIn(to);
    await queue.until(() => queue.attempts.length === 1);
    const stopped = queue.manager?.stop(100);
    const id = await handing;
    await stopped;
    assert.deepEqual(filesOf(queue, id).slice(0, 1), ['mess']);
    assert.ok(filesOf(queue, id).includes('todo') || filesOf(queue, id).includes('remote'));
  }));

test('a channel that is full of its own: as many as run wait for it, and what comes beyond is queued first', () =>
  withQuickQueue({ controls: { concurrencyremote: '1\n' } }, async (queue) => {
    void queue.handIn(to);
    await queue.until(() => queue.attempts.length === 1);
    let heard = '';
    void queue.handIn(to).then((id) => {
      heard = id;
    });
    const beyond = await queue.handIn(to);
    assert.deepEqual([heard, filesOf(queue, beyond)], ['', ['mess', 'intd', 'todo']]);
    queue.attempts[0]?.end(success);
    await queue.until(() => queue.attempts.length === 1);
    assert.equal(heard, '');
    queue.attempts[0]?.end(success);
    await queue.until(() => heard !== '');
    await queue.until(() => queue.attempts.length === 1);
    queue.attempts[0]?.end(success);
    await queue.emptied();
  }));

test('a destination that took longer than queueing takes: its next message is queued first, so nobody hands in fewer messages for it', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.start();
    await queue.handIn(to);
    await queue.until(() => queue.attempts.length === 1);
    queue.clock.advance(0.2);
    queue.attempts[0]?.end(success);
    await queue.emptied();
    const id = await queue.handIn(to);
    assert.deepEqual(filesOf(queue, id), ['mess', 'intd', 'todo']);
    await queue.until(() => queue.attempts.length === 1);
    queue.attempts[0]?.end(success);
    await queue.emptied();
  }));
