// What must be on the disk before what: the order of system calls behind one commit, and what their failures leave.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { TemporaryError } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';
import { maildirOf, makeDeliveryHost, newMessages, temporaryFiles } from '../support/delivery-host.js';
import { newRoot, removeRoot } from '../support/recording.js';

function host(t: TestContext): Layout {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return makeDeliveryHost(root, { accounts: 3 });
}

async function deliver(layout: Layout, bytes: number, ...accounts: number[]): Promise<void> {
  const delivery = createDelivery(openHost(layout));
  const recipients = await Promise.all(accounts.map((account) => delivery.resolve(`u${account}@example.jp`)));
  const message = delivery.accept({ sender: '', recipients, receivedLines: '' });
  for (let at = 0; at < bytes; at += 65_536) await message.write(Buffer.alloc(Math.min(65_536, bytes - at), 'x\n'));
  await message.commit();
}

/** The path behind a descriptor, relative to an account's Maildir, with names shortened. */
function behind(fd: number): string {
  return shown(fs.readlinkSync(`/proc/self/fd/${fd}`));
}

function shown(file: string): string {
  return file.replace(/^.*\/(u\d)\/Maildir\//, '$1 ').replace(/\/[^/]+$/, '/NAME');
}

for (const [why, bytes] of [
  ['small', 100],
  ['large', 700_000],
] as const) {
  test(`${why}: written, synced, linked, then the directory synced, in every Maildir before anything is seen`, async (t) => {
    const layout = host(t);
    const events: string[] = [];
    const { fsync, linkSync } = fs;
    t.mock.method(fs, 'fsync', (fd: number, done: (error: Error | null) => void) => {
      const what = behind(fd);
      fsync(fd, (error) => {
        events.push(`sync ${what}`);
        done(error);
      });
    });
    t.mock.method(fs, 'linkSync', (from: string, to: string) => {
      events.push(`link ${shown(to)}`);
      linkSync(from, to);
    });
    await deliver(layout, bytes, 0, 1);
    assert.deepEqual(events.slice(0, 2).sort(), ['sync u0 tmp/NAME', 'sync u1 tmp/NAME']);
    assert.deepEqual(events.slice(2, 4), ['link u0 new/NAME', 'link u1 new/NAME']);
    assert.deepEqual(events.slice(4).sort(), ['sync u0 new', 'sync u1 new']);
  });
}

const failures: readonly [
  call: 'fsync' | 'writevSync' | 'linkSync' | 'writev',
  code: string,
  bytes: number,
  status: string,
][] = [
  ['fsync', 'EIO', 100, '4.3.0'],
  ['fsync', 'ENOSPC', 100, '4.3.1'],
  ['fsync', 'EIO', 700_000, '4.3.0'],
  ['writevSync', 'ENOSPC', 100, '4.3.1'],
  ['writevSync', 'EDQUOT', 100, '4.2.2'],
  ['writev', 'ENOSPC', 700_000, '4.3.1'],
  ['linkSync', 'EACCES', 100, '4.3.0'],
  ['linkSync', 'EIO', 700_000, '4.3.0'],
];
for (const [call, code, bytes, status] of failures) {
  test(`${call} fails with ${code} in the second Maildir (${bytes} bytes): nothing anywhere, ${status}`, async (t) => {
    const layout = host(t);
    const fail = (): Error => Object.assign(new Error(`${code}: made up`), { code });
    let count = 0;
    const original = fs[call] as (...args: unknown[]) => unknown;
    t.mock.method(fs, call, (...args: unknown[]) => {
      count++;
      if (count < 2) return original(...args);
      const done = args.at(-1);
      if (typeof done !== 'function') throw fail();
      setImmediate(() => done(fail()));
      return undefined;
    });
    await assert.rejects(
      deliver(layout, bytes, 0, 1, 2),
      (error) => error instanceof TemporaryError && error.status === status,
    );
    for (const account of [0, 1, 2]) {
      assert.equal(newMessages(maildirOf(layout, account)).size, 0);
      assert.deepEqual(temporaryFiles(maildirOf(layout, account)), []);
    }
    t.mock.restoreAll();
    await deliver(layout, bytes, 0, 1, 2);
    assert.equal(newMessages(maildirOf(layout, 2)).size, 1);
  });
}

test('an fsync of new/ that fails takes the message back', async (t) => {
  const layout = host(t);
  const { fsync } = fs;
  t.mock.method(fs, 'fsync', (fd: number, done: (error: Error | null) => void) => {
    if (behind(fd).endsWith('new')) setImmediate(() => done(Object.assign(new Error('EIO'), { code: 'EIO' })));
    else fsync(fd, done);
  });
  await assert.rejects(deliver(layout, 100, 0, 1), TemporaryError);
  for (const account of [0, 1]) assert.equal(newMessages(maildirOf(layout, account)).size, 0);
});

test('short writes are gone on with', async (t) => {
  const layout = host(t);
  const { writevSync } = fs;
  t.mock.method(fs, 'writevSync', (fd: number, parts: Buffer[]) =>
    writevSync(fd, [parts[0]?.subarray(0, 7) ?? Buffer.alloc(0)]),
  );
  await deliver(layout, 100, 0);
  const [content] = newMessages(maildirOf(layout, 0)).values();
  assert.equal(content, `Return-Path: <>\nDelivered-To: u0@example.jp\n${'x\n'.repeat(50)}`);
});

test('a file system without hard links: a rename does it, to a name that nothing has', async (t) => {
  const layout = host(t);
  t.mock.method(fs, 'linkSync', () => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
  });
  await deliver(layout, 100, 0);
  assert.equal(newMessages(maildirOf(layout, 0)).size, 1);
  assert.deepEqual(temporaryFiles(maildirOf(layout, 0)), []);
});

test('a name that is taken in tmp/ or new/ is exchanged; what is there stays', async (t) => {
  const layout = host(t);
  const { openSync, linkSync } = fs;
  const taken: string[] = [];
  const once = (file: string): void => {
    if (taken.some((name) => path.dirname(name) === path.dirname(file))) return;
    taken.push(file);
    fs.writeFileSync(file, 'older');
  };
  t.mock.method(fs, 'openSync', (file: string, ...rest: [number, number]) => {
    if (file.includes('/tmp/') && ((rest[0] ?? 0) & fs.constants.O_EXCL) !== 0) once(file);
    return openSync(file, ...rest);
  });
  t.mock.method(fs, 'linkSync', (from: string, to: string) => {
    once(to);
    linkSync(from, to);
  });
  // Writing the older file goes through openSync itself; only ours has O_EXCL.
  await deliver(layout, 100, 0);
  assert.equal(taken.length, 2);
  assert.deepEqual([...newMessages(maildirOf(layout, 0)).values()].filter((content) => content === 'older').length, 1);
  assert.equal(newMessages(maildirOf(layout, 0)).size, 2);
  assert.equal(temporaryFiles(maildirOf(layout, 0)).length, 1);
});
