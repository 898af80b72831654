// The cache of a mailbox: shared by processes, and nothing but a help when its file is damaged, foreign, or of another time.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { serializeCacheRecord } from '../../../src/formats/mailbox/message-cache.js';
import { MessageCache } from '../../../src/stores/message-cache/message-cache.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const uidValidity = 1700000000;

interface Place {
  readonly file: string;
  /** UIDs of the messages that there are. */
  uids: number[];
  /** As another process has it. */
  cache(valuesVersion?: number): MessageCache;
}

function place(t: TestContext, count: number): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const file = path.join(root, 'vq-cache');
  const made: Place = {
    file,
    uids: Array.from({ length: count }, (_, index) => index + 1),
    cache: (valuesVersion = 1) =>
      new MessageCache({
        path: file,
        valuesVersion,
        messages: {
          get count() {
            return made.uids.length;
          },
          uidAt: (index) => made.uids[index] ?? 0,
          baseAt: (index) => baseOf(made.uids[index] ?? 0),
        },
        manner: () => ({ mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }),
      }),
  };
  return made;
}

const baseOf = (uid: number): string => `${uid}.M1P2.host`;
const textOf = (uid: number): Buffer => Buffer.from(`envelope of ${uid} ${'x'.repeat(uid % 700)}`);

/** Does something with an open cache. */
async function using<T>(cache: MessageCache, act: () => T | Promise<T>, validity = uidValidity): Promise<T> {
  await cache.open(validity);
  try {
    return await act();
  } finally {
    await cache.close();
  }
}

function noteAll(cache: MessageCache, uids: readonly number[], name = 'ENVELOPE'): Promise<void> {
  return using(cache, async () => {
    for (const uid of uids) await cache.note(uid, baseOf(uid), [[name, textOf(uid)]]);
  });
}

/** The UIDs whose entry is found, and right. */
function found(cache: MessageCache, uids: readonly number[], name = 'ENVELOPE'): Promise<number[]> {
  return using(cache, () =>
    uids.filter((uid) => {
      const value = cache.find(uid, baseOf(uid), name);
      if (value !== undefined) assert.deepEqual(value, textOf(uid));
      return value !== undefined;
    }),
  );
}

test('what one process noted the next finds, many messages too', async (t) => {
  const { cache, uids } = place(t, 3000);
  await noteAll(cache(), uids);
  const other = cache();
  assert.deepEqual(await found(other, uids), uids);
  assert.deepEqual(await found(other, uids.toReversed()), uids.toReversed());
});

test('entries of a message come together; those of another message with its UID are not taken', async (t) => {
  const { cache } = place(t, 3);
  const first = cache();
  await noteAll(first, [2], 'ENVELOPE');
  await noteAll(first, [2], 'BODY');
  const other = cache();
  await using(other, () => {
    assert.equal(other.findAll(2, baseOf(2), ['BODY', 'ENVELOPE'])?.length, 2);
    assert.equal(other.findAll(2, baseOf(2), ['BODY', 'BODYSTRUCTURE']), undefined);
    assert.equal(other.find(2, 'another.base', 'ENVELOPE'), undefined);
  });
});

test('values that an earlier version has made count for nothing, and make room', async (t) => {
  const { cache, uids } = place(t, 20);
  await noteAll(cache(1), uids);
  const later = cache(2);
  assert.deepEqual(await found(later, uids), []);
  await noteAll(later, [1]);
  assert.deepEqual(await found(cache(2), uids), [1]);
  assert.deepEqual(await found(cache(1), uids), []);
});

test('two processes append at the same time, and each finds what the other has', async (t) => {
  const { cache, uids } = place(t, 400);
  const [one, two] = [cache(), cache()];
  await noteAll(one, [1]);
  await Promise.all([one.open(uidValidity), two.open(uidValidity)]);
  for (const uid of uids) await (uid % 2 === 0 ? one : two).note(uid, baseOf(uid), [['ENVELOPE', textOf(uid)]]);
  await Promise.all([one.close(), two.close()]);
  assert.deepEqual(await found(one, uids), uids);
  assert.deepEqual(await found(two, uids), uids);
  assert.deepEqual(await found(cache(), uids), uids);
});

test('a file of another UIDVALIDITY, of another program, or none is begun anew', async (t) => {
  const { cache, uids, file } = place(t, 20);
  await noteAll(cache(), uids);
  const other = cache();
  await using(other, () => assert.equal(other.find(1, baseOf(1), 'ENVELOPE'), undefined), uidValidity + 1);
  writeFileSync(file, 'of somebody else');
  assert.deepEqual(await found(cache(), uids), []);
  await noteAll(cache(), uids);
  const last = cache();
  assert.deepEqual(await found(last, uids), uids);
  rmSync(file);
  assert.deepEqual(await found(last, uids), []);
  await noteAll(last, uids);
  assert.deepEqual(await found(cache(), uids), uids);
});

test('damage costs the records that it is in, and nothing else', async (t) => {
  const { cache, uids, file } = place(t, 100);
  const first = cache();
  await noteAll(first, uids);
  const bytes = readFileSync(file);
  const at = bytes.indexOf('envelope of 50');
  bytes[at + 9] = 0x21;
  writeFileSync(file, bytes);
  const others = uids.filter((uid) => uid !== 50);
  assert.deepEqual(await found(first, uids), others);
  assert.deepEqual(await found(cache(), uids), others);
  await noteAll(first, [50]);
  assert.deepEqual(await found(cache(), uids), uids);
});

test('a write that a kill cut short, and a file cut short, are got over', async (t) => {
  const { cache, uids, file } = place(t, 100);
  await noteAll(cache(), uids.slice(0, 50));
  const half = serializeCacheRecord(51, baseOf(51), new Map([['ENVELOPE', Buffer.alloc(500, 0x61)]]));
  appendFileSync(file, half.subarray(0, 300));
  await noteAll(cache(), uids.slice(50));
  assert.deepEqual(await found(cache(), uids), uids);
  const known = cache();
  assert.deepEqual(await found(known, uids), uids);
  truncateSync(file, Math.floor(statSync(file).size / 2));
  const left = await found(known, uids);
  assert.ok(left.length > 0 && left.length < uids.length);
  await noteAll(known, uids.slice(left.length));
  assert.deepEqual(await found(cache(), uids), uids);
});

test('a file that is mostly out of date is written anew, without messages that are gone', async (t) => {
  const made = place(t, 500);
  const { cache, uids, file } = made;
  const one = cache();
  for (let round = 0; round < 4; round++) await noteAll(one, uids, `ROUND${round}`);
  const before = statSync(file).size;
  made.uids = uids.slice(0, 50);
  await noteAll(one, [1], 'MORE');
  await noteAll(one, [2], 'MORE');
  assert.ok(statSync(file).size < before / 5);
  assert.ok(!existsSync(`${file}.tmp`));
  const other = cache();
  assert.deepEqual(await found(other, uids, 'ROUND3'), made.uids);
  assert.deepEqual(await found(other, uids, 'MORE'), [1, 2]);
});

test('what cannot be a file, and what may not be written, is done without', async (t) => {
  const { cache, file } = place(t, 3);
  mkdirSync(file);
  const one = cache();
  await noteAll(one, [1, 2]);
  assert.deepEqual(await found(one, [1, 2]), []);
  assert.ok(!existsSync(`${file}.tmp`));
});
