// Taking up what others left, giving it back, and what goes wrong on the way: states of the queue, leftovers, files in trouble, signals.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync as symlink,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { formerSpawners } from '../../src/queue/upkeep/former-spawners.js';
import { deferral, failure, type QueueAtWork, success, withQueueAtWork } from '../support/queue-at-work.js';
import { countQueue, readQueue } from '../support/queue-reader.js';

/** A preprocessed message, as qmail-send leaves it. */
async function left(
  queue: QueueAtWork,
  files: { info?: string; local?: string; remote?: string; bounce?: string },
): Promise<string> {
  const id = await queue.queue(['nobody@local.example']);
  const { tree } = queue;
  rmSync(tree.intd(id));
  rmSync(tree.todo(id));
  writeFileSync(tree.info(id), files.info ?? 'Fsender@local.example\0');
  if (files.local !== undefined) writeFileSync(tree.channel('local', id), files.local);
  if (files.remote !== undefined) writeFileSync(tree.channel('remote', id), files.remote);
  if (files.bounce !== undefined) writeFileSync(tree.bounce(id), files.bounce);
  return id;
}

const isFor =
  (text: string) =>
  (line: string): boolean =>
    line.startsWith('starting') && line.includes(text);

test('only who is not done is tried, with the address as it is', () =>
  withQueueAtWork({ answer: () => success, controls: { virtualdomains: 'v.example:prefix\n' } }, async (queue) => {
    await queue.open();
    const id = await left(queue, {
      local: 'Da@v.example\0Tprefix-b@v.example\0',
      remote: 'Tc@out.example\0Dd@out.example\0',
    });
    await queue.start();
    await queue.emptied();
    assert.deepEqual(
      queue.log
        .filter((line) => line.startsWith('starting'))
        .map((line) => line.replace(/^.* to /, ''))
        .sort(),
      ['local prefix-b@v.example', 'remote c@out.example'],
    );
    assert.ok(queue.log.includes(`end msg ${id}`));
  }));

test('the time of a recipient file is that of the next try', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    await queue.open();
    const id = await left(queue, { local: 'Ta@local.example\0' });
    const at = queue.clock.now() + 1000;
    utimesSync(queue.tree.channel('local', id), at, at);
    await queue.start();
    await queue.settled();
    assert.equal(queue.log.some(isFor('a@local.example')), false);
    queue.clock.advance(1002);
    await queue.emptied();
  }));

test('a notice that was pending is sent, with what stood there', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.open();
    const id = await left(queue, { bounce: '<x@y>:\nold reason\n\n' });
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    assert.ok(queue.log.includes(`end msg ${id}`));
    const [notice] = queue.attempts;
    assert.deepEqual(notice?.recipients, ['sender@local.example']);
    assert.equal(notice?.sender, '');
    assert.match(readFileSync(notice?.message.path ?? '', 'latin1'), /<x@y>:\nold reason\n\n--- Below/);
    assert.equal(existsSync(queue.tree.bounce(id)), false);
  }));

test('a new failure is added to the old ones', () =>
  withQueueAtWork({ answer: (recipient) => (recipient.startsWith('bad') ? failure : undefined) }, async (queue) => {
    await queue.open();
    const id = await left(queue, {
      local: 'Tbad@local.example\0',
      remote: 'Tok@out.example\0',
      bounce: '<x@y>:\nold\n\n',
    });
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    await queue.settled();
    assert.equal(readFileSync(queue.tree.bounce(id), 'latin1'), '<x@y>:\nold\n\n<bad@local.example>:\nno\n\n');
  }));

test('half of a preprocessing is done anew', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    const id = await queue.queue(['ann@local.example']);
    writeFileSync(queue.tree.info(id), 'Fwrong\0');
    writeFileSync(queue.tree.channel('remote', id), 'Twrong@out.example\0');
    await queue.start();
    await queue.emptied();
    assert.ok(queue.log.some(isFor('to local ann@local.example')));
    assert.equal(queue.log.some(isFor('wrong')), false);
  }));

test('a message without recipients ends at once', () =>
  withQueueAtWork({}, async (queue) => {
    const id = await queue.queue([]);
    await queue.start();
    await queue.emptied();
    assert.deepEqual(queue.log.slice(1), [`new msg ${id}`, queue.log[2], `end msg ${id}`]);
  }));

test('an envelope with a record that nobody knows stays, with a warning', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    const id = await queue.queue(['ann@local.example']);
    appendFileSync(queue.tree.todo(id), 'Xodd\0');
    const other = await queue.queue(['max@local.example']);
    await queue.start();
    await queue.until(() => queue.log.includes(`end msg ${other}`));
    assert.ok(queue.log.includes(`warning: unknown record type in todo/${id}`));
    assert.equal(countQueue(queue.layout.queue).todo, 1);
  }));

test('a recipient file with a letter that nobody knows is put off, with a warning', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    await queue.open();
    const id = await left(queue, { local: 'Ta@local.example\0Xb@local.example\0' });
    await queue.start();
    await queue.until(() => queue.log.some((line) => line.startsWith('warning: unknown record type in local/')));
    await queue.settled();
    assert.equal(readFileSync(queue.tree.channel('local', id), 'latin1'), 'Da@local.example\0Xb@local.example\0');
  }));

for (const [why, info] of [
  ['an info file that was cut', 'Fsender@local'],
  ['an empty info file', ''],
  ['an info file with a letter that nobody knows', 'Xsender@local.example\0'],
] as const)
  test(`${why} is named, and tried again in two minutes`, () =>
    withQueueAtWork({ answer: () => success }, async (queue) => {
      await queue.open();
      const id = await left(queue, { info, local: 'Ta@local.example\0' });
      await queue.start();
      const place = Number(BigInt(id) % 23n);
      await queue.until(() => queue.log.includes(`warning: trouble opening info/${place}/${id}; will try again later`));
      writeFileSync(queue.tree.info(id), 'Fsender@local.example\0');
      queue.clock.advance(125);
      await queue.emptied();
    }));

test('a recipient file that cannot be opened is named, and tried again in two minutes', () => {
  let isTrouble = true;
  const before = (act: string, file: string): void => {
    if (isTrouble && act === 'read' && file.includes('/local/')) throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  return withQueueAtWork({ before, answer: () => success }, async (queue) => {
    await queue.open();
    const id = await left(queue, { info: '', local: 'Ta@local.example\0' });
    await queue.start();
    const place = Number(BigInt(id) % 23n);
    await queue.until(() => queue.log.includes(`warning: trouble opening local/${place}/${id}; will try again later`));
    isTrouble = false;
    writeFileSync(queue.tree.info(id), 'Fsender@local.example\0');
    queue.clock.advance(125);
    await queue.emptied();
  });
});

test('a failure that cannot be noted is told again and again, and the message is not lost', () => {
  let isFull = true;
  const before = (act: string, file: string): void => {
    if (isFull && (act === 'create' || act === 'append') && /\/(?:bounce|pid)\//.test(file))
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  return withQueueAtWork({ before, answer: (to) => (to.startsWith('bad') ? failure : success) }, async (queue) => {
    const id = await queue.queue(['bad@local.example']);
    await queue.start();
    const alert = 'alert: unable to append to bounce message; HELP! sleeping...';
    await queue.until(() => queue.log.includes(alert));
    assert.equal(readFileSync(queue.tree.channel('local', id), 'latin1'), 'Tbad@local.example\0');
    queue.clock.advance(10);
    await queue.until(() => queue.log.filter((line) => line === alert).length === 2);
    isFull = false;
    queue.clock.advance(10);
    await queue.emptied();
    assert.ok(queue.log.some((line) => line.startsWith(`bounce msg ${id} qp `)));
  });
});

test('a notice that cannot be queued is tried again in two minutes', () => {
  let isFull = true;
  const before = (act: string, file: string): void => {
    if (isFull && act === 'rename' && file.includes('/mess/'))
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  return withQueueAtWork({ before, answer: (to) => (to.startsWith('bad') ? failure : success) }, async (queue) => {
    await queue.queue(['bad@local.example']);
    await queue.start();
    await queue.until(() => queue.log.includes('warning: trouble injecting bounce message, will try later'));
    isFull = false;
    queue.clock.advance(125);
    await queue.emptied();
  });
});

test('a stop leaves the times of the next tries, and another manager goes on from them', () =>
  withQueueAtWork({ answer: () => deferral }, async (queue) => {
    const id = await queue.queue(['ann@local.example', 'max@out.example']);
    await queue.start();
    await queue.until(() => queue.log.filter((line) => line.includes(': deferral: ')).length === 2);
    await queue.manager?.stop();
    assert.equal(queue.log.at(-1), 'status: exiting');
    const birth = statSync(queue.tree.info(id)).mtimeMs / 1000;
    for (const [channel, skip] of [
      ['local', 10],
      ['remote', 20],
    ] as const) {
      const steps = Math.sqrt(statSync(queue.tree.channel(channel, id)).mtimeMs / 1000 - Math.floor(birth));
      assert.ok(Number.isInteger(steps) && steps >= skip, String(steps));
    }
    const [shown] = readQueue(queue.layout.queue);
    assert.deepEqual(shown?.recipients, ['\tlocal\tann@local.example', '\tremote\tmax@out.example']);
    queue.log.length = 0;
    await queue.start();
    await queue.settled();
    assert.equal(queue.log.some(isFor('example')), false);
    queue.clock.advance(450);
    await queue.until(() => queue.log.some(isFor('local ann')) && queue.log.some(isFor('remote max')));
  }));

test('deliveries that do not end in time are given up, and tried again', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.queue(['ann@local.example']);
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    await queue.manager?.stop(20);
    assert.equal(queue.log.at(-1), 'status: exiting');
    queue.attempts.length = 0;
    await queue.start();
    await queue.until(() => queue.attempts.length === 1);
    queue.attempts[0]?.end(success);
    await queue.emptied();
  }));

test('leftovers are removed when they are older than 36 hours', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    const old = queue.clock.now() - 129_700;
    const make = async (kind: 'half' | 'fresh'): Promise<string> => {
      const id = await queue.queue(['ann@local.example']);
      rmSync(queue.tree.todo(id));
      if (kind === 'half') utimesSync(queue.tree.mess(id), old, old);
      return id;
    };
    const [half, fresh] = [await make('half'), await make('fresh')];
    for (const [name, at] of [
      ['1.2.3', old],
      ['1.2.4', queue.clock.now()],
    ] as const) {
      writeFileSync(queue.tree.pid(name), '');
      utimesSync(queue.tree.pid(name), at, at);
    }
    await queue.start();
    await queue.until(() => !existsSync(queue.tree.mess(half)) && !existsSync(queue.tree.pid('1.2.3')));
    assert.equal(existsSync(queue.tree.intd(half)), false);
    assert.ok(
      existsSync(queue.tree.mess(fresh)) && existsSync(queue.tree.intd(fresh)) && existsSync(queue.tree.pid('1.2.4')),
    );
    queue.clock.advance(76_432);
    await queue.settled();
    assert.ok(existsSync(queue.tree.mess(fresh)));
    queue.clock.advance(76_432);
    await queue.until(() => !existsSync(queue.tree.mess(fresh)) && !existsSync(queue.tree.pid('1.2.4')));
  }));

for (const { why, options } of [
  { why: 'another split', options: { split: 5 } },
  { why: 'the big-todo patch', options: { bigTodo: true } },
]) {
  test(`a queue of ${why}`, () =>
    withQueueAtWork({ ...options, answer: () => success }, async (queue) => {
      for (let n = 0; n < 20; n++) await queue.queue([`user${n}@local.example`, `user${n}@out.example`]);
      await queue.start();
      await queue.emptied();
    }));
}

test('what is queued while the queue works is noticed by the trigger', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    await queue.start();
    for (let n = 0; n < 50; n++) await queue.queue([`user${n}@local.example`]);
    await queue.emptied();
    await queue.queue(['last@local.example']);
    await queue.emptied();
  }));

test('without a fifo todo is looked at every ten seconds', () =>
  withQueueAtWork({ answer: () => success }, async (queue) => {
    rmSync(path.join(queue.layout.queue, 'lock/trigger'));
    await queue.start();
    assert.ok(queue.log.some((line) => line.startsWith('warning: lock/trigger is no fifo')));
    await queue.settled();
    await queue.queue(['ann@local.example']);
    queue.clock.advance(11);
    await queue.emptied();
  }));

test('locals that cannot be read at SIGHUP keep the old values', () =>
  withQueueAtWork({ answer: () => success, controls: { locals: 'local.example\n' } }, async (queue) => {
    await queue.start();
    rmSync(queue.layout.control('locals'));
    mkdirSync(queue.layout.control('locals'));
    queue.manager?.reread();
    assert.ok(queue.log.includes('alert: unable to reread control/locals'));
  }));

test('virtualdomains that are no file keep the old values', () =>
  withQueueAtWork({ answer: () => success, controls: { virtualdomains: 'v.example:v\n' } }, async (queue) => {
    await queue.start();
    rmSync(queue.layout.control('virtualdomains'));
    mkdirSync(queue.layout.control('virtualdomains'));
    queue.manager?.reread();
    assert.ok(queue.log.includes('alert: unable to reread control/virtualdomains'));
    await queue.queue(['a@v.example']);
    await queue.until(() => queue.log.some(isFor('local v-a@v.example')));
  }));

test('spawners of a former qmail-send are found by name and place', () =>
  withQueueAtWork({}, async (queue) => {
    await queue.open();
    const proc = path.join(queue.root, 'proc');
    const process = (pid: number, comm: string, cwd: string): void => {
      mkdirSync(path.join(proc, String(pid)), { recursive: true });
      writeFileSync(path.join(proc, String(pid), 'comm'), `${comm}\n`);
      symlink(cwd, path.join(proc, String(pid), 'cwd'));
    };
    process(10, 'qmail-lspawn', path.join(queue.layout.queue, 'mess'));
    process(11, 'qmail-rspawn', '/elsewhere/queue/mess');
    process(12, 'qmail-smtpd', path.join(queue.layout.queue, 'mess'));
    assert.deepEqual(formerSpawners(queue.tree, proc), [10]);
    assert.deepEqual(formerSpawners(queue.tree, path.join(queue.root, 'none')), []);
  }));
