// One destination that does not answer holds nobody else up, nor does one message for thousands; and what qmail-send grants is never exceeded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferral, success, withQueueAtWork } from '../support/queue-at-work.js';

const slowHangs = (recipient: string): typeof success | undefined => (recipient.includes('slow') ? undefined : success);

test('a host that hangs keeps a few slots, and all others are served', () =>
  withQueueAtWork({ answer: slowHangs }, async (queue) => {
    for (let n = 0; n < 60; n++) await queue.queue([`user${n}@slow.example`]);
    const others = await Promise.all(Array.from({ length: 40 }, (_, n) => queue.queue([`user@host${n}.example`])));
    await queue.start();
    await queue.until(() => others.every((id) => queue.log.includes(`end msg ${id}`)));
    assert.ok(queue.attempts.length > 0 && queue.attempts.length <= 5, String(queue.attempts.length));
    assert.equal(queue.manager?.running.remote, queue.attempts.length);
  }));

test('two busy domains share the slots evenly, whoever was first and has more', () =>
  withQueueAtWork({}, async (queue) => {
    for (let n = 0; n < 300; n++) await queue.queue([`user${n}@first.example`]);
    for (let n = 0; n < 100; n++) await queue.queue([`user${n}@late.example`]);
    await queue.start();
    const lines = (what: RegExp): number => queue.log.filter((line) => what.test(line)).length;
    await queue.until(() => lines(/^new msg/) === 400);
    await queue.settled();
    // Both begin with a quarter of the slots; each success widens that.
    assert.equal(queue.attempts.length, 10);
    const endAll = async (): Promise<void> => {
      for (const attempt of [...queue.attempts]) attempt.end(success);
      await new Promise((resolve) => setImmediate(resolve));
    };
    while (lines(/^starting .*late\.example$/) < 100) await endAll();
    const begun = lines(/^starting .*first\.example$/);
    assert.ok(begun >= 80 && begun <= 130, `${begun} of the first domain, while the other got 100`);
    while (lines(/^end msg/) < 400) await endAll();
  }));

test('thousands of messages for it are put aside, and looked at again when it answers', () =>
  withQueueAtWork({ answer: slowHangs, controls: { concurrencyremote: '10\n' } }, async (queue) => {
    for (let n = 0; n < 1500; n++) await queue.queue([`user${n}@slow.example`]);
    await queue.queue(['last@fast.example']);
    await queue.start();
    await queue.until(() => queue.log.some((line) => line.includes('last@fast.example')), 'the fast one');
    while (queue.attempts.length > 0 || queue.log.filter((line) => line.startsWith('end msg')).length < 1501) {
      for (const attempt of [...queue.attempts]) attempt.end(success);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await queue.emptied();
  }));

test('a hanging address of this host leaves one slot free', () =>
  withQueueAtWork({ answer: slowHangs }, async (queue) => {
    for (let n = 0; n < 30; n++) await queue.queue(['slow@local.example']);
    const other = await queue.queue(['ann@local.example']);
    await queue.start();
    await queue.until(() => queue.log.includes(`end msg ${other}`));
    assert.equal(queue.attempts.length, 9);
  }));

test('a list does not keep others waiting until it is through', () =>
  withQueueAtWork({ controls: { concurrencyremote: '4\n' } }, async (queue) => {
    await queue.queue(Array.from({ length: 400 }, (_, n) => `user@host${n}.example`));
    await queue.start();
    await queue.until(() => queue.attempts.length === 4);
    await queue.queue(['ann@other.example']);
    await queue.settled();
    let begun = 0;
    while (!queue.log.some((line) => line.endsWith('to remote ann@other.example'))) {
      queue.attempts[0]?.end(success);
      await queue.until(() => queue.attempts.length === 4);
      assert.ok(++begun < 10, 'the other message waits');
    }
  }));

test('recipients of one host are one attempt, and each is a delivery in the log', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.queue(['a@one.example', 'b@two.example', 'c@one.example', 'd@ONE.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 2);
    assert.deepEqual(
      queue.attempts.map(({ recipients }) => recipients),
      [['a@one.example', 'c@one.example', 'd@ONE.example'], ['b@two.example']],
    );
    assert.deepEqual(
      queue.log.filter((line) => line.startsWith('starting')).map((line) => line.replace(/^.*remote /, '')),
      ['a@one.example', 'b@two.example', 'c@one.example', 'd@ONE.example'],
    );
    assert.ok(queue.log.includes('status: local 0/10 remote 4/20'));
  }));

test('recipients with senders of their own are attempts of their own', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.queue(['a@one.example', 'b@one.example'], 'list-@local.example-@[]');
    await queue.start();
    await queue.until(() => queue.attempts.length === 2);
    assert.deepEqual(
      queue.attempts.map(({ sender }) => sender),
      ['list-a=one.example@local.example', 'list-b=one.example@local.example'],
    );
  }));

test('local recipients are attempts of their own', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.queue(['a@local.example', 'b@local.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 2);
    assert.ok(queue.attempts.every(({ channel, recipients }) => channel === 'local' && recipients.length === 1));
  }));

test('never more than the control files allow; 0 holds everything', () =>
  withQueueAtWork({ controls: { concurrencylocal: '0\n', concurrencyremote: '3\n' } }, async (queue) => {
    for (let n = 0; n < 10; n++) await queue.queue([`user@host${n}.example`, 'ann@local.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 3);
    await queue.settled();
    assert.deepEqual(queue.manager?.running, { local: 0, remote: 3 });
    const most = queue.log
      .map((line) => /^status: local (\d+)\/0 remote (\d+)\/3/.exec(line))
      .filter((found) => found !== null);
    assert.ok(most.every((found) => Number(found[1]) === 0 && Number(found[2]) <= 3));
  }));

test('what was put off is tried at the time of the schedule, not before', () =>
  withQueueAtWork({ answer: () => deferral }, async (queue) => {
    await queue.queue(['a@one.example', 'ann@local.example']);
    await queue.start();
    const tries = (channel: string): number => queue.log.filter((line) => line.includes(` to ${channel} `)).length;
    await queue.until(() => tries('local') === 1 && tries('remote') === 1);
    await queue.settled();
    queue.clock.advance(90);
    await queue.settled();
    assert.deepEqual([tries('local'), tries('remote')], [1, 1]);
    queue.clock.advance(45);
    await queue.until(() => tries('local') === 2);
    assert.equal(tries('remote'), 1);
    queue.clock.advance(330);
    await queue.until(() => tries('remote') === 2);
  }));
