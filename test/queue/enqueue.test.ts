// Queueing natively: qmail-queue's steps in its order, its bytes, modes and owners, and nothing left behind when a step fails.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseEnvelope } from '../../src/formats/queue/queue-envelope.js';
import type { Invoker } from '../../src/mail/received.js';
import { EnqueueError, type EnqueueRequest, enqueue } from '../../src/queue/enqueue/native.js';
import { type BeforeAct, QueueFiles } from '../../src/queue/files.js';
import { QueueTree } from '../../src/queue/tree.js';
import { makeQueue, queueIds } from '../support/queue-host.js';
import type { QueueStep } from '../support/queue-replay.js';
import { bytesOf, loadRecording, newRoot, removeRoot } from '../support/recording.js';

const isRoot = process.getuid?.() === 0;

async function withQueue(work: (tree: QueueTree, queue: string) => Promise<void>, options = {}): Promise<void> {
  const root = newRoot();
  try {
    const layout = makeQueue(root, options);
    const tree = await QueueTree.open(layout, new QueueFiles());
    assert.ok(tree);
    await work(tree, layout.queue);
  } finally {
    removeRoot(root);
  }
}

function request(part: Partial<EnqueueRequest> = {}): EnqueueRequest {
  return {
    message: Buffer.from('Subject: x\n\ny\n'),
    sender: 'a@b',
    recipients: ['c@d'],
    uid: 7001,
    pid: 26,
    invokedBy: { uid: 7001 },
    nowSeconds: 1_795_487_823,
    ...part,
  };
}

function filesBelow(queue: string): string[] {
  return readdirSync(queue, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/lock'))
    .map((entry) => path.join(path.relative(queue, entry.parentPath), entry.name))
    .sort();
}

test("the steps are qmail-queue's, and what it forgets is synced before the message counts", () =>
  withQueue(async (tree, queue) => {
    const acts: string[] = [];
    const files = new QueueFiles((act, file) => acts.push(`${act} ${path.relative(queue, file)}`));
    const { id } = await enqueue({ tree, files, owner: undefined }, request());
    const place = Number(BigInt(id) % 23n);
    const pid = acts[0]?.replace('create ', '');
    assert.match(pid ?? '', /^pid\/\d+\.1795487823\.\d+$/);
    assert.deepEqual(acts, [
      `create ${pid}`,
      `rename mess/${place}/${id}`,
      `write ${pid}`,
      `write ${pid}`,
      `sync ${pid}`,
      `create intd/${id}`,
      `write intd/${id}`,
      `write intd/${id}`,
      `sync intd/${id}`,
      `sync-directory mess/${place}/${id}`,
      `link todo/${id}`,
      `sync-directory todo/${id}`,
      'pull lock/trigger',
    ]);
    assert.equal(statSync(tree.mess(id)).ino, Number(id));
    assert.equal(statSync(tree.todo(id)).ino, statSync(tree.intd(id)).ino);
  }));

test('recorded envelopes: bytes, modes and owners', () =>
  withQueue(async (tree) => {
    let seen = 0;
    for (const step of loadRecording('queue', 'queue-envelopes').steps as readonly QueueStep[]) {
      const queued = step.queued?.[0];
      const envelope = parseEnvelope(Buffer.from(step.envelope ?? ''));
      if (step.exit !== 0 || queued?.todo === undefined || typeof envelope === 'number') continue;
      const [uid, gid] = step.as ?? [0, 0];
      const message = bytesOf(queued.message);
      const pid = Number(/\(qmail (\d+)/.exec(message.toString('latin1'))?.[1]);
      const owner = isRoot ? { uid: queueIds.qmailq, gid } : undefined;
      const nowSeconds = Date.parse(`${/; (.*) -0000/.exec(message.toString('latin1'))?.[1]} UTC`) / 1000;
      const about = { uid, pid, nowSeconds, invokedBy: invokerOf(uid) };
      const files = new QueueFiles();
      const { id, qp } = await enqueue({ tree, files, owner }, { ...envelope, ...about, message: bytesOf(step.stdin) });
      assert.equal(qp, pid);
      assert.deepEqual(readFileSync(tree.mess(id)), message);
      assert.deepEqual(readFileSync(tree.todo(id)), bytesOf(queued.todo));
      for (const file of [tree.mess(id), tree.intd(id)]) {
        const status = statSync(file);
        assert.equal(status.mode & 0o7777, 0o644);
        if (isRoot) assert.deepEqual([status.uid, status.gid], [queueIds.qmailq, gid]);
      }
      seen++;
    }
    assert.ok(seen >= 9, String(seen));
  }));

function invokerOf(uid: number): Invoker {
  const named: Record<number, Invoker> = { 6001: 'alias', 6002: 'network', 6012: 'bounce' };
  return named[uid] ?? { uid };
}

test('a failure of any step leaves nothing, or a message that counts', () =>
  withQueue(async (tree, queue) => {
    let acts = 0;
    await enqueue({ tree, files: new QueueFiles(() => acts++), owner: undefined }, request());
    const before = filesBelow(queue);
    for (let failing = 1; failing < acts; failing++) {
      let at = 0;
      const failOnce: BeforeAct = () => {
        if (++at === failing) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
      };
      await assert.rejects(
        enqueue({ tree, files: new QueueFiles(failOnce), owner: undefined }, request()),
        EnqueueError,
      );
      const left = filesBelow(queue).filter((file) => !before.includes(file));
      // The last but one: the directory of a message that is queued could not be synced.
      if (failing < acts - 1) assert.deepEqual(left, [], `act ${failing}`);
      else assert.equal(left.length, 3);
    }
  }));

test('what comes in is given up when its source fails', () =>
  withQueue(async (tree, queue) => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('Subject: half\n');
      throw new Error('the client is gone');
    }
    const files = new QueueFiles();
    await assert.rejects(enqueue({ tree, files, owner: undefined }, request({ message: broken() })), /client is gone/);
    assert.deepEqual(filesBelow(queue), []);
  }));

test('addresses that are too long are refused before anything is written', () =>
  withQueue(async (tree, queue) => {
    const long = request({ recipients: ['x'.repeat(1003)] });
    await assert.rejects(enqueue({ tree, files: new QueueFiles(), owner: undefined }, long), (error: EnqueueError) => {
      assert.equal(error.exitCode, 11);
      return true;
    });
    assert.deepEqual(filesBelow(queue), []);
  }));

for (const { why, options, pattern } of [
  { why: 'another split', options: { split: 7 }, pattern: /^mess\/[0-6]\/\d+$/m },
  { why: 'the big-todo patch', options: { bigTodo: true }, pattern: /^todo\/\d+\/\d+$/m },
]) {
  test(`the tree is seen as it is: ${why}`, () =>
    withQueue(async (tree, queue) => {
      const { id } = await enqueue({ tree, files: new QueueFiles(), owner: undefined }, request());
      assert.match(filesBelow(queue).join('\n'), pattern);
      assert.equal(filesBelow(queue).length, 3, id);
    }, options));
}
