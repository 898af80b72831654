import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type JournalReader,
  JournalWriter,
  journalRecordBytes,
  parseJournal,
  parseJournalHeader,
  serializeJournalHeader,
} from '../../../src/formats/mailbox/state-journal.js';

type Told =
  | readonly ['message', number, number, number]
  | readonly ['expunged', number, number, number]
  | readonly ['keywordName', number, string]
  | readonly ['keyword', number, number, boolean, number];

function listener(told: Told[]): JournalReader {
  return {
    message: (...values) => told.push(['message', ...values]),
    expunged: (...values) => told.push(['expunged', ...values]),
    keywordName: (...values) => told.push(['keywordName', ...values]),
    keyword: (...values) => told.push(['keyword', ...values]),
  };
}

function written(told: readonly Told[]): Buffer {
  const writer = new JournalWriter(1);
  for (const record of told) {
    if (record[0] === 'message') writer.message(record[1], record[2], record[3]);
    else if (record[0] === 'expunged') writer.expunged(record[1], record[2], record[3]);
    else if (record[0] === 'keywordName') writer.keywordName(record[1], record[2]);
    else writer.keyword(record[1], record[2], record[3], record[4]);
  }
  return Buffer.from(writer.bytes);
}

const uid = fc.integer({ min: 1, max: 4294967294 });
const modSeq = fc.maxSafeNat();
const record: fc.Arbitrary<Told> = fc.oneof(
  fc.tuple(fc.constant('message' as const), uid, fc.integer(), modSeq),
  fc.tuple(fc.constant('expunged' as const), uid, uid, modSeq),
  fc.tuple(fc.constant('keywordName' as const), fc.integer({ min: 26, max: 1000 }), fc.stringMatching(/^[!-~]{0,60}$/)),
  fc.tuple(fc.constant('keyword' as const), uid, fc.integer({ min: 26, max: 1000 }), fc.boolean(), modSeq),
);

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(record), (records) => {
      const bytes = written(records);
      const told: Told[] = [];
      assert.equal(parseJournal(bytes, listener(told)), bytes.length);
      assert.deepEqual(told, records);
    }),
  );
});

test('cut anywhere, all whole records before are read', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1 }), fc.nat(), (records, at) => {
      const bytes = written(records);
      const cut = bytes.subarray(0, at % bytes.length);
      const told: Told[] = [];
      const good = parseJournal(cut, listener(told));
      assert.ok(good <= cut.length);
      assert.deepEqual(told, records.slice(0, told.length));
      assert.equal(written(told).length, good);
    }),
  );
});

test('zeros, and any other bytes, end what is believed', () => {
  const told: Told[] = [];
  const good = written([['message', 7, -1, 9]]);
  assert.equal(parseJournal(Buffer.concat([good, Buffer.alloc(48)]), listener(told)), journalRecordBytes);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseJournal(Buffer.from(bytes), listener([]))),
  );
});

test('the header', () => {
  const header = { uidValidity: 4294967295, floor: 1795485529123456, highest: 1795485529123999 };
  assert.deepEqual(parseJournalHeader(serializeJournalHeader(header)), header);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(32), serializeJournalHeader(header).subarray(0, 31)])
    assert.equal(parseJournalHeader(bytes), undefined);
});
