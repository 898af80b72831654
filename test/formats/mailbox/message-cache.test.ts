// vq-cache: records read as written, damage told from what is good.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  baseChecksum,
  entriesOfRecord,
  entryOfRecord,
  nextCacheRecord,
  parseCacheHeader,
  parseCacheRecord,
  serializeCacheHeader,
  serializeCacheRecord,
} from '../../../src/formats/mailbox/message-cache.js';

const base = '1700000000.M1P2.host,S=5';
const entries = new Map([
  ['ENVELOPE', Buffer.from('(NIL)')],
  ['EMPTY', Buffer.alloc(0)],
]);

test('a header names the UIDVALIDITY, and nothing else is a header', () => {
  const header = { uidValidity: 0xffff_fffe, valuesVersion: 7 };
  assert.deepEqual(parseCacheHeader(serializeCacheHeader(header)), header);
  assert.equal(parseCacheHeader(Buffer.from('vqcache')), undefined);
  assert.equal(parseCacheHeader(Buffer.alloc(64)), undefined);
});

test('a record is read as it was written', () => {
  const bytes = serializeCacheRecord(7, base, entries);
  const record = parseCacheRecord(Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]), 2);
  assert.ok(typeof record === 'object');
  assert.equal(record.uid, 7);
  assert.equal(record.baseChecksum, baseChecksum(base));
  assert.deepEqual(record.bytes, bytes);
  assert.deepEqual(entriesOfRecord(record), entries);
  assert.equal(entryOfRecord(record, 'ENVELOPE')?.toString(), '(NIL)');
  assert.equal(entryOfRecord(record, 'EMPTY')?.length, 0);
  assert.equal(entryOfRecord(record, 'BODY'), undefined);
});

test('a record that is cut off is short, and a byte that is another makes it none', () => {
  const bytes = serializeCacheRecord(7, base, entries);
  for (let length = 0; length < bytes.length; length++)
    assert.equal(parseCacheRecord(bytes.subarray(0, length), 0), 'short', `${length} bytes`);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0x55;
    assert.ok(typeof parseCacheRecord(damaged, 0) !== 'object', `byte ${at}`);
  }
});

test('behind what is no record the next one is found', () => {
  const good = serializeCacheRecord(7, base, entries);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
      const bytes = Buffer.concat([noise, good]);
      let at = 0;
      for (;;) {
        const found = parseCacheRecord(bytes, at);
        if (typeof found === 'object') break;
        assert.notEqual(at, bytes.length);
        at = nextCacheRecord(bytes, at + 1);
      }
      assert.equal(at, noise.length);
    }),
  );
});
