import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptFileError } from '../../../src/errors.js';
import { courierUidl, parseSizeList, serializeSizeList } from '../../../src/formats/maildir/courier-size-list.js';

const parse = (text: string) => parseSizeList(Buffer.from(text, 'latin1'), 'courierpop3dsizelist');

/** Written by Courier-IMAP 5.0.13 (formats/dovecot.md 4.6). */
const sample =
  '/3 6 1795487263\n' +
  '1795485976.M971128P31767V000000000000FE00I000000000022E52C_0.vm,S=133:2,R 141 1:1795487263:0\n' +
  '1795486000.12345.mx.example.test:2, 57 4:1795487263:0\n';

test('version 3 is read and written byte for byte', () => {
  const list = parse(sample);
  assert.deepEqual([list.nextNumber, list.time, list.entries.length], [6, 1795487263, 2]);
  assert.equal(list.entries[1]?.sizeOctets, 57);
  assert.equal(serializeSizeList(list).toString('latin1'), sample);
});

const uidls: readonly [text: string, uidl: string, why: string][] = [
  ['/3 6 9\na:2,S 141 1:1795487263:0\n', 'UID1-1795487263', 'number and time'],
  ['/2 6 9\na:2,S 141 1:1795487263\n', 'UID1-1795487263', 'version 2'],
  ['/2 6 9\na:2,S 141 7:0\n', 'UID7', 'no time'],
  ['/3 6 9\na:2,S 141 0:9:0\n', 'a', 'number 0 stands for the file name'],
  ['a b+c\xe9:2,S 141\n', 'a+20b+2Bc+E9', 'the old form, in which all are file names; odd bytes escaped'],
];

for (const [text, uidl, why] of uidls) {
  test(`${uidl}: ${why}`, () => {
    const entry = parse(text).entries[0];
    assert.ok(entry);
    assert.equal(courierUidl(entry, entry.name.slice(0, entry.name.indexOf(':'))), uidl);
  });
}

test('lines that are none are dropped, a header that is none is a broken file', () => {
  assert.equal(parse('/3 6 9\nrubbish\n\na 1 1:1:0\n').entries.length, 1);
  assert.equal(parse('').entries.length, 0);
  for (const text of ['/3\n', '/4 1 1\n', '/\n', '/3 x 1\n']) assert.throws(() => parse(text), CorruptFileError, text);
});
