// A message with one recipient is tried straight from todo/ (src/queue/intake/straight): what is on the disk meanwhile, and what comes of each end of the try.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { deferral, failure, type QueueAtWork, success, withQueueAtWork } from '../support/queue-at-work.js';

/** Acts on the files of one message, in their order, as `create info`. */
function actsOf(acts: readonly (readonly [string, string])[], id: string): string[] {
  return acts
    .filter(([act, file]) => path.basename(file) === id && !['read', 'stat'].includes(act))
    .map(([act, file]) => `${act} ${/queue\/(\w+)\//.exec(file)?.[1]}`);
}

/** Which files of a message are there. */
function filesOf({ tree }: QueueAtWork, id: string): string[] {
  const files = {
    mess: tree.mess(id),
    todo: tree.todo(id),
    info: tree.info(id),
    remote: tree.channel('remote', id),
    bounce: tree.bounce(id),
  };
  return Object.entries(files).flatMap(([name, file]) => (existsSync(file) ? [name] : []));
}

test('delivered at once: nothing is written for it, and todo/N goes first', () => {
  const acts: [string, string][] = [];
  return withQueueAtWork({ answer: () => success, before: (act, file) => acts.push([act, file]) }, async (queue) => {
    const id = await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.emptied();
    assert.deepEqual(actsOf(acts, id), ['unlink todo', 'unlink intd', 'unlink mess']);
    assert.deepEqual(
      queue.log.slice(1).map((line) => line.replace(/\d{3,}/g, 'N')),
      [
        'new msg N',
        'info msg N: bytes 96 from <sender@local.example> qp 42 uid 0',
        'starting delivery 1: msg N to remote ann@far.example',
        'status: local 0/10 remote 1/20',
        'delivery 1: success: ok/',
        'status: local 0/10 remote 0/20',
        'end msg N',
      ].map((line) => line.replace('96', String(/bytes (\d+)/.exec(queue.log.join('\n'))?.[1]))),
    );
  });
});

test('put off: preprocessed then, and tried again at the time that it would have anyway', () =>
  withQueueAtWork({ answer: () => deferral }, async (queue) => {
    const id = await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.until(() => queue.manager?.running.remote === 0 && queue.log.some((line) => line.includes('deferral')));
    await queue.until(() => filesOf(queue, id).join() === 'mess,info,remote');
    await queue.until(() => queue.manager?.times().has(id) ?? false);
    const times = queue.manager?.times().get(id);
    assert.ok(Math.abs((times?.remote ?? 0) - queue.clock.now() - 400) <= 2, JSON.stringify(times));
  }));

test('failed: preprocessed, noted, and the sender is told', () =>
  withQueueAtWork({ answer: (recipient) => (recipient === 'ann@far.example' ? failure : success) }, async (queue) => {
    const id = await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.emptied();
    assert.ok(queue.log.some((line) => line.startsWith(`bounce msg ${id} `)));
    assert.equal(queue.log.filter((line) => line === `end msg ${id}`).length, 1);
  }));

test('a try that takes longer than a second is preprocessed meanwhile, and its end counts', () =>
  withQueueAtWork({}, async (queue) => {
    const id = await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    assert.deepEqual(filesOf(queue, id), ['mess', 'todo']);
    // Met again at every look, and never begun again.
    queue.manager?.lookForNew();
    queue.clock.advance(1);
    await queue.until(() => filesOf(queue, id).join() === 'mess,info,remote');
    assert.equal(queue.attempts.length, 1);
    queue.attempts[0]?.end(success);
    await queue.emptied();
    assert.equal(queue.log.filter((line) => line.startsWith('new msg')).length, 1);
  }));

test('several recipients are preprocessed first', () =>
  withQueueAtWork({}, async (queue) => {
    const id = await queue.queue(['ann@far.example', 'bob@far.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    assert.deepEqual(filesOf(queue, id), ['mess', 'info', 'remote']);
  }));

test('a disk that takes nothing: what was put off is met again at the next look', () => {
  let isFull = true;
  const before = (act: string, file: string): void => {
    if (isFull && act === 'create' && file.includes('/info/'))
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  return withQueueAtWork({ answer: () => deferral, before }, async (queue) => {
    const id = await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.until(() => queue.log.some((line) => line.startsWith('warning: unable to create info/')));
    await queue.settled();
    assert.deepEqual(filesOf(queue, id), ['mess', 'todo']);
    isFull = false;
    queue.manager?.lookForNew();
    await queue.until(() => filesOf(queue, id).join() === 'mess,info,remote');
  });
});

test('todo/N that cannot be removed: told that the message will be delivered twice', () => {
  let refusals = 1;
  const before = (act: string, file: string): void => {
    if (act === 'unlink' && file.includes('/todo/') && refusals-- > 0)
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  return withQueueAtWork({ answer: () => success, before }, async (queue) => {
    await queue.queue(['ann@far.example']);
    await queue.start();
    await queue.until(() => queue.log.some((line) => line.endsWith('message will be delivered twice!')));
    queue.manager?.lookForNew();
    await queue.emptied();
  });
});
