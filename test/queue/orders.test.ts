// What people order about single messages: retry, hold, release, drop, bounce, while the queue is at work.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import type { DeliveryAttempt, DeliveryReport } from '../../src/delivery/report.js';
import { heldSeconds } from '../../src/queue/schedule.js';
import { TimeHeap } from '../../src/queue/time-heap.js';
import { deferral, failure, type QueueAtWork, success, withQueueAtWork } from '../support/queue-at-work.js';
import { countQueue } from '../support/queue-reader.js';

const isTo = (name: string) => (line: string) =>
  line.includes('starting delivery') && line.endsWith(`${name}@local.example`);

/** A message whose only recipient has been put off. */
async function deferred(queue: QueueAtWork, recipients = ['ann@local.example']): Promise<string> {
  const id = await queue.queue(recipients);
  await queue.start();
  await queue.until(() => queue.log.some((line) => line.includes(': deferral: ')));
  await queue.settled();
  return id;
}

const mtimeOf = (file: string): number => statSync(file).mtimeMs / 1000;

test('a message is held, over SIGALRM and over a new start, until it is released', () =>
  withQueueAtWork({ answer: () => deferral }, async (queue) => {
    const id = await deferred(queue);
    assert.equal(await queue.manager?.obey('hold', id), 'done');
    assert.equal(mtimeOf(queue.tree.channel('local', id)), heldSeconds);
    queue.clock.advance(50_000);
    queue.manager?.runAll();
    await queue.settled();
    await queue.manager?.stop();
    assert.equal(mtimeOf(queue.tree.channel('local', id)), heldSeconds, 'it is held for the next one too');
    await queue.start();
    queue.clock.advance(50_000);
    await queue.settled();
    assert.equal(queue.log.filter(isTo('ann')).length, 1);
    assert.equal(await queue.manager?.obey('release', id), 'done');
    await queue.until(() => queue.log.filter(isTo('ann')).length === 2);
  }));

test('retry makes one message due, and only that', () =>
  withQueueAtWork({ answer: () => deferral }, async (queue) => {
    const other = await queue.queue(['bob@local.example']);
    const id = await deferred(queue);
    await queue.until(() => queue.log.some(isTo('bob')));
    await queue.settled();
    assert.equal(await queue.manager?.obey('release', id), 'done', 'what is not held is left alone');
    await queue.settled();
    assert.equal(queue.log.filter(isTo('ann')).length, 1);
    assert.equal(await queue.manager?.obey('retry', id), 'done');
    await queue.until(() => queue.log.filter(isTo('ann')).length === 2);
    assert.equal(queue.log.filter(isTo('bob')).length, 1);
    assert.deepEqual([...(queue.manager?.times().keys() ?? [])].sort(), [id, other].sort());
  }));

test('a message that is dropped leaves nothing, and nobody is told', () =>
  withQueueAtWork({ answer: (recipient) => (recipient.startsWith('bad') ? failure : deferral) }, async (queue) => {
    const id = await deferred(queue, ['bad@local.example', 'ann@local.example']);
    assert.ok(existsSync(queue.tree.bounce(id)));
    assert.equal(await queue.manager?.obey('drop', id), 'done');
    await queue.settled();
    assert.deepEqual(countQueue(queue.layout.queue), { all: 0, todo: 0 });
    assert.ok(!existsSync(queue.tree.bounce(id)));
    assert.equal(queue.log.at(-1), `end msg ${id}`);
    assert.ok(!queue.log.some((line) => line.startsWith('bounce msg')));
  }));

test('a message that is given back is bounced with the reason, for the recipients that are left', () => {
  let notice = '';
  const answer = (recipient: string, { message }: DeliveryAttempt): DeliveryReport => {
    if (recipient === 'sender@local.example') notice = readFileSync(message.path, 'latin1');
    return recipient.startsWith('ok') || notice !== '' ? success : deferral;
  };
  return withQueueAtWork({ answer }, async (queue) => {
    const id = await deferred(queue, ['ok@local.example', 'ann@local.example', 'far@remote.example']);
    assert.equal(await queue.manager?.obey('bounce', id), 'done');
    await queue.emptied();
    assert.ok(queue.log.includes(`end msg ${id}`));
    assert.match(notice, /<ann@local.example>:\nThe postmaster of this host has returned this message/);
    assert.match(notice, /<far@remote.example>:\nThe postmaster/);
    assert.ok(!notice.includes('<ok@local.example>'));
  });
});

test('what is not there is unknown, what runs is busy', () =>
  withQueueAtWork({}, async (queue) => {
    const id = await queue.queue(['ann@local.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    assert.equal(await queue.manager?.obey('drop', '1'), 'unknown');
    for (const order of ['retry', 'hold', 'drop', 'bounce'] as const)
      assert.equal(await queue.manager?.obey(order, id), 'busy', order);
    queue.attempts[0]?.end(success);
    await queue.emptied();
  }));

test('a heap gives its messages in order after any were taken out', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const heap = new TimeHeap();
    const left = new Map<string, number>();
    for (let n = 0; n < 50; n++) {
      const seconds = (n * 7919 * seed) % 97;
      heap.insert(String(n), seconds);
      left.set(String(n), seconds);
    }
    for (let n = seed % 5; n < 50; n += 3) {
      assert.equal(heap.timeOf(String(n)), left.get(String(n)));
      assert.ok(heap.remove(String(n)));
      assert.ok(!heap.remove(String(n)));
      left.delete(String(n));
    }
    const taken: number[] = [];
    for (let due = heap.take(); due !== undefined; due = heap.take()) {
      assert.equal(due.seconds, left.get(due.id));
      taken.push(due.seconds);
    }
    assert.deepEqual(
      taken,
      [...left.values()].sort((a, b) => a - b),
    );
  }
});
