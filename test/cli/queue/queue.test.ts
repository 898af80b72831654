// `vqmail queue` on a queue that nobody works on, and beside somebody who does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { SystemAccounts } from '../../../src/files/accounts.js';
import { takeLock } from '../../../src/files/locks/lock.js';
import type { Layout } from '../../../src/layout.js';
import { enqueueWhole } from '../../../src/queue/enqueue/enqueuer.js';
import { nativeEnqueuer } from '../../../src/queue/enqueue/native-enqueuer.js';
import { QueueFiles } from '../../../src/queue/files.js';
import { QueueTree } from '../../../src/queue/tree.js';
import { callTool } from '../../support/call-tool.js';
import { makeQueue } from '../../support/queue-host.js';
import { countQueue } from '../../support/queue-reader.js';
import { applyWrite, newRoot, removeRoot } from '../../support/recording.js';

interface Filled {
  readonly root: string;
  readonly layout: Layout;
  readonly tree: QueueTree;
  /** One to a host far away, one to a user of this host. */
  readonly ids: readonly [string, string];
}

async function filled(t: TestContext): Promise<Filled> {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeQueue(root);
  applyWrite(
    { '/var/qmail/control/me': 'mx.example\n', '/var/qmail/control/virtualdomains': 'example.jp:example.jp\n' },
    root,
  );
  const files = new QueueFiles();
  const tree = await QueueTree.open(layout, files);
  assert.ok(tree);
  const enqueuer = nativeEnqueuer({ tree, files, accounts: new SystemAccounts(layout) });
  const queued: string[] = [];
  for (const [sender, recipient] of [
    ['ann@example.org', 'far@Remote.example'],
    ['', 'joe@example.jp'],
  ] as const) {
    const before = new Set(await files.list(`${layout.queue}/todo`));
    await enqueueWhole(enqueuer, { invokedBy: 'network' }, { sender, recipients: [recipient] }, [Buffer.from('x\n')]);
    queued.push(...((await files.list(`${layout.queue}/todo`)) ?? []).filter((id) => !before.has(id)));
  }
  const [first = '', second = ''] = queued;
  return { root, layout, tree, ids: [first, second] };
}

async function listed(root: string, ...options: string[]): Promise<string[]> {
  const { exit, stdout } = await callTool(root, ['queue', 'list', '--json', ...options]);
  assert.equal(exit, 0);
  return (JSON.parse(stdout) as { messages: { id: string }[] }).messages.map(({ id }) => id);
}

test('what is chosen', async (t) => {
  const { root, tree, ids } = await filled(t);
  const [far, here] = ids;
  assert.deepEqual((await listed(root)).sort(), [...ids].sort());
  for (const [options, chosen] of [
    [['--to', 'FAR@remote.example'], far],
    [['--to', '@remote.example'], far],
    [['--to', 'joe@*'], here],
    [['--from', '<>'], here],
    [['--from', 'ann@example.org'], far],
    [[far], far],
    [[`#${here}`], here],
  ] as const)
    assert.deepEqual(await listed(root, ...options), [chosen], options.join(' '));
  assert.deepEqual(await listed(root, far, '--from', '<>'), []);
  assert.deepEqual(await listed(root, '--older', '1h'), []);
  const old = Date.now() / 1000 - 7200;
  utimesSync(tree.todo(far), old, old);
  assert.deepEqual(await listed(root, '--older', '1h'), [far]);
});

test('hold, release, drop and bounce on a stopped queue', async (t) => {
  const { root, layout, tree, ids } = await filled(t);
  const [far, here] = ids;
  const order = (...args: string[]) => callTool(root, ['queue', ...args]);
  assert.deepEqual(await order('hold', here), { exit: 0, stdout: `#${here} is held\n`, stderr: '' });
  assert.deepEqual(await listed(root, '--held'), [here]);
  // The recipient as its sender wrote it finds it too, now that it has been rewritten.
  assert.deepEqual(await listed(root, '--to', 'joe@example.jp'), [here]);
  await order('release', '--held');
  assert.deepEqual(await listed(root, '--held'), []);
  await order('bounce', far);
  const text = new QueueFiles().read(tree.bounce(far))?.toString();
  assert.match(text ?? '', /^<far@Remote\.example>:\nThe postmaster of this host has returned this message/);
  assert.equal(new QueueFiles().status(tree.channel('remote', far)), undefined);
  assert.equal((await order('drop', '--all')).exit, 0);
  assert.deepEqual(countQueue(layout.queue), { all: 0, todo: 0 });
  assert.deepEqual(await order('drop', far), { exit: 100, stdout: `#${far} is not there\n`, stderr: '' });
});

test('an order without messages, an unknown one and a number that is none are refused', async (t) => {
  const { root, layout } = await filled(t);
  for (const args of [['drop'], ['explode', '--all'], ['list', 'x'], ['list', '--older', 'soon'], ['show']])
    assert.equal((await callTool(root, ['queue', ...args])).exit, 100, args.join(' '));
  assert.equal(countQueue(layout.queue).all, 2);
});

test('while somebody else holds the lock nothing is held, and nobody but a qmail-send of this queue is told', async (t) => {
  const { root, layout, tree, ids } = await filled(t);
  const lock = await takeLock(tree.mutex, { kind: 'flock', create: false });
  try {
    assert.deepEqual((await listed(root)).sort(), [...ids].sort(), 'reading needs no lock');
    const held = await callTool(root, ['queue', 'hold', '--all']);
    assert.equal(held.exit, 100);
    assert.match(held.stderr, /qmail-send keeps the times of its messages in memory/);
    const retried = await callTool(root, ['queue', 'retry', '--all']);
    assert.equal(retried.exit, 111);
    assert.match(retried.stderr, /somebody works on this queue, and is no qmail-send/);
    assert.deepEqual(countQueue(layout.queue), { all: 2, todo: 2 });
  } finally {
    lock.release();
  }
});

/** A process of that name in the queue's directory, which says when it is told to go on. */
async function standIn(t: TestContext, layout: Layout): Promise<() => Promise<void>> {
  const program = `process.title = 'qmail-send'; process.on('SIGALRM', () => console.log('alarm')); process.stdin.resume(); console.log('ready');`;
  const child = spawn(process.execPath, ['-e', program], { cwd: layout.queue, stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.stdin.end());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'ready');
  return async () => assert.equal((await lines.next()).value, 'alarm');
}

test('beside a qmail-send: what its files can tell it, and SIGALRM', async (t) => {
  const { root, layout, tree, ids } = await filled(t);
  const [far, here] = ids;
  const order = (...args: string[]) => callTool(root, ['queue', ...args]);
  await order('release', '--all');
  assert.match((await order('list')).stdout, / {3}next try /);
  const lock = await takeLock(tree.mutex, { kind: 'flock', create: false });
  t.after(() => lock.release());
  const alarm = await standIn(t, layout);
  const list = await order('list');
  assert.match(list.stdout, /left {4}remote {2}far@Remote\.example\n/);
  assert.doesNotMatch(list.stdout, /next try/, 'it alone knows');
  assert.match((await order('show', far)).stdout, /from <ann@example\.org>.*\nx\n$/s);

  assert.deepEqual(await order('retry', '--to', 'joe@example.jp'), {
    exit: 0,
    stdout: `#${here} is due now\n`,
    stderr: '',
  });
  await alarm();
  const files = new QueueFiles();
  assert.equal((await order('bounce', far)).exit, 0);
  await alarm();
  const lifetime = 604_800;
  assert.ok((files.status(tree.info(far))?.modifiedSeconds ?? Infinity) < Date.now() / 1000 - lifetime);
  assert.equal(files.read(tree.channel('remote', far))?.toString(), 'Tfar@Remote.example\0', 'it is tried once more');
  assert.equal((await order('drop', '--from', '<>')).exit, 0);
  await alarm();
  assert.equal(files.read(tree.channel('local', here))?.toString(), 'Dexample.jp-joe@example.jp\0');
  for (const name of ['hold', 'release']) {
    const { exit, stderr } = await order(name, '--all');
    assert.equal(exit, 100);
    assert.match(stderr, new RegExp(`cannot ${name} one; stop it first`));
  }
});

test('show tells the envelope and the message', async (t) => {
  const { root, ids } = await filled(t);
  const { stdout } = await callTool(root, ['queue', 'show', ids[0]]);
  assert.match(
    stdout,
    /^#\d+ {2}.* from <ann@example\.org> {2}new\n {2}left +far@Remote\.example\n\nReceived: .*\nx\n$/s,
  );
});

test("qmail-qread shows what it can of files that are no qmail-send's, and says what is missing", async (t) => {
  const { root, tree } = await filled(t);
  writeFileSync(tree.info('23'), 'Xann@example.org');
  writeFileSync(tree.mess('23'), 'x\n');
  writeFileSync(tree.channel('local', '23'), 'Tjoe@example.jp\0Zbad\0Dmax@example.jp\0Tcut');
  writeFileSync(tree.info('46'), 'Fann@example.org\0');
  for (const id of ['23', '46']) utimesSync(tree.info(id), 1_700_000_000, 1_700_000_000);
  const { exit, stdout } = await callTool(root, ['qmail-qread']);
  assert.equal(exit, 0);
  assert.deepEqual(stdout.split('\n'), [
    '14 Nov 2023 22:13:20 GMT  #23  2  <ann@example.org> ',
    '\tlocal\tjoe@example.jp',
    '  done\tlocal\tmax@example.jp',
    'warning: trouble with #46: file does not exist',
    '',
  ]);
});
