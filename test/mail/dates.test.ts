import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  mboxDate,
  parseMboxDate,
  parseQmailDate,
  parseRfc5322Date,
  qmailDate,
  rfc5322Date,
} from '../../src/mail/dates.js';

const november24 = Date.UTC(2026, 10, 24, 2, 2, 5) / 1000;
const november5 = Date.UTC(2026, 10, 5, 2, 2, 5) / 1000;
const seconds = fc.integer({ min: Date.UTC(0, 0, 1) / 1000 + 86400, max: Date.UTC(9999, 11, 30) / 1000 });

test('the three forms as the originals write them', () => {
  assert.equal(qmailDate(november24), '24 Nov 2026 02:02:05 -0000');
  assert.equal(qmailDate(november5), '5 Nov 2026 02:02:05 -0000', 'the day is not padded');
  assert.equal(mboxDate(november24), 'Tue Nov 24 02:02:05 2026');
  assert.equal(mboxDate(november5), 'Thu Nov 05 02:02:05 2026', 'the day is padded with zero');
  assert.equal(rfc5322Date(november24), 'Tue, 24 Nov 2026 02:02:05 +0000');
  assert.equal(rfc5322Date(november5, 540), 'Thu, 05 Nov 2026 11:02:05 +0900', 'local time of the zone');
  assert.equal(rfc5322Date(0, -210), 'Wed, 31 Dec 1969 20:30:00 -0330', 'a zone with half an hour, west');
});

test('property: what is written is read back', () => {
  fc.assert(fc.property(seconds, (time) => assert.equal(parseQmailDate(qmailDate(time)), time)));
  fc.assert(fc.property(seconds, (time) => assert.equal(parseMboxDate(mboxDate(time)), time)));
  const zone = fc.integer({ min: -12 * 60, max: 14 * 60 });
  fc.assert(
    fc.property(seconds, zone, (time, offsetMinutes) => {
      assert.deepEqual(parseRfc5322Date(rfc5322Date(time, offsetMinutes)), { unixSeconds: time, offsetMinutes });
    }),
  );
});

test('Date fields that RFC 5322 allows', () => {
  const rows: [text: string, offsetMinutes: number, why: string][] = [
    ['24 Nov 2026 02:02:05 -0000', 0, 'no weekday'],
    ['Tue, 24 Nov 2026 02:02:05 +0000 (UTC)', 0, 'a comment'],
    ['Tue, 24 Nov 2026 11:02:05 +0900 (a (nested \\) one) b)', 540, 'nested comments with a quoted parenthesis'],
    ['Tue,\n 24 Nov\n\t2026 02:02:05 GMT', 0, 'folded, with an old zone name'],
    ['Mon, 23 Nov 2026 21:02:05 EST', -300, 'an American zone'],
    ['Tue, 24 Nov 26 02:02:05 UT', 0, 'a year of two digits after 2000'],
    ['tue, 24 nov 126 02:02:05 Z', 0, 'a year of three digits, lower case'],
    ['Sun, 24 Nov 2026 02:02:05 +0000', 0, 'the wrong weekday is ignored'],
    ['Tuesday, 24-Nov-2026 02:02:05 GMT', 0, 'RFC 850 form'],
    ['  Tue, 24 Nov 2026 02 : 02 : 05 +0000', 0, 'blanks around the colons'],
    ['Tue, 24 Nov 2026 02:02:05', 0, 'no zone'],
  ];
  for (const [text, offsetMinutes, why] of rows)
    assert.deepEqual(parseRfc5322Date(text), { unixSeconds: november24, offsetMinutes }, why);
  assert.equal(parseRfc5322Date('24 Nov 2026 02:02 +0000')?.unixSeconds, november24 - 5, 'no seconds');
  assert.equal(
    parseRfc5322Date('24 Nov 94 00:00:00 +0000')?.unixSeconds,
    Date.UTC(1994, 10, 24) / 1000,
    'a year of 19xx',
  );
});

test('what is no date is undefined', () => {
  const rows: [text: string, why: string][] = [
    ['', 'nothing'],
    ['yesterday', 'a word'],
    ['31 Feb 2026 00:00:00 +0000', 'a day that the month has not'],
    ['0 Nov 2026 00:00:00 +0000', 'day zero'],
    ['24 Foo 2026 00:00:00 +0000', 'an unknown month'],
    ['24 Nov 2026 24:00:00 +0000', 'hour 24'],
    ['24 Nov 2026 00:60:00 +0000', 'minute 60'],
    ['24 Nov 2026 00:00:00 +0060', 'a zone of 60 minutes'],
    ['24 Nov 2026 00:00:00 +0000 junk', 'text behind'],
    ['(24 Nov 2026 00:00:00 +0000', 'an unclosed comment'],
  ];
  for (const [text, why] of rows) assert.equal(parseRfc5322Date(text), undefined, why);
  assert.equal(parseQmailDate('24 Nov 2026 02:02:05 +0000'), undefined, 'qmail never writes that zone');
  assert.equal(parseMboxDate('Tue Nov  5 02:02:05 2026'), november5, "ctime's blank is read");
  assert.throws(() => qmailDate(1e15), RangeError, 'beyond the year 9999');
  assert.throws(() => qmailDate(Number.NaN), RangeError);
});

test('property: readers never throw, and a long text ends soon', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
      parseQmailDate(text);
      parseMboxDate(text);
      parseRfc5322Date(text);
    }),
  );
  assert.equal(parseRfc5322Date(`${' '.repeat(100_000)}x`), undefined);
  assert.equal(parseRfc5322Date('('.repeat(100_000)), undefined);
  assert.equal(parseRfc5322Date(`Tue${' '.repeat(50_000)},${' '.repeat(50_000)}!`), undefined);
});
