import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptFileError } from '../../../src/errors.js';
import {
  extensionOf,
  nextUid,
  parseUidList,
  serializeUidList,
  UidListWriter,
} from '../../../src/formats/mailbox/dovecot-uidlist.js';

const parse = (text: string) => parseUidList(Buffer.from(text, 'latin1'), 'dovecot-uidlist');

/** Written by Dovecot 2.3.19.1 (formats/dovecot.md 2.1). */
const sample =
  '3 V1795485529 N3 G03a6be3959ef046b0079000083ecc375\n' +
  '1 :1795485529.M967745P30976.vm,S=133\n' +
  '2 W141 PUID7-1000 :1795485529.M972479P30976.vm,S=133\n';

test('version 3 is read field by field', () => {
  const list = parse(sample);
  assert.equal(list.uidValidity, 1795485529);
  assert.equal(nextUid(list), 3);
  assert.ok(list.isSound);
  const [first, second] = list.records;
  assert.ok(first && second);
  assert.deepEqual([first.uid, first.base], [1, '1795485529.M967745P30976.vm,S=133']);
  assert.equal(extensionOf(second, 'P'), 'UID7-1000');
  assert.equal(extensionOf(second, 'O'), undefined);
  const writer = new UidListWriter(0);
  writer.record(second.uid, second.base.padEnd(1000, '\xff'), second.extensions);
  writer.record(3, 'b', []);
  const long = '1795485529.M972479P30976.vm,S=133'.padEnd(1000, '\xff');
  assert.equal(writer.bytes.toString('latin1'), `2 W141 PUID7-1000 :${long}\n3 :b\n`);
});

const kept: readonly [text: string, why: string][] = [
  [sample, "Dovecot's own"],
  ['3 V1 N1 G00 X99\n', 'a field that is unknown, and no messages'],
  ['3 V1 N1\n4 P Zfoo :a b\xff:2,\n', 'an empty extension, an unknown one, odd bytes in a name'],
];

for (const [text, why] of kept) {
  test(`kept byte for byte: ${why}`, () => assert.equal(serializeUidList(parse(text)).toString('latin1'), text));
}

const sums: readonly [text: string, next: number, records: number, isSound: boolean, why: string][] = [
  ['3 V1 N1\n1 :a\n2 :b\n', 3, 2, true, 'appended lines leave N behind'],
  ['3 V1 N9\n1 :a\n', 9, 1, true, 'N is ahead of the last line'],
  ['3 V1 N1\n2 :a\n1 :b\n3 :c\n', 3, 1, false, 'UIDs that do not rise end what is believed'],
  ['3 V1 N1\n1 :a\nrubbish\n', 2, 1, false, 'a line that is none'],
  ['3 V1 N1\n1 :a\n2 :b', 2, 1, false, 'a last line without LF is not read'],
  ['3 V1 N1\n1 :a\n2 x9 W4 :b\n3 :c\n', 4, 3, false, 'an extension that is none is left out, the rest goes on'],
  ['3 V1 N1\n0 :a\n', 1, 0, false, 'UID 0'],
  ['3 V1 N1\n4294967296 :a\n', 1, 0, false, 'a UID beyond all'],
  ['1 795485978 5\n1 a.b,S=133\n3 c d\n', 5, 2, true, "version 1, Courier's courierimapuiddb"],
];

for (const [text, next, records, isSound, why] of sums) {
  test(why, () => {
    const list = parse(text);
    assert.deepEqual([nextUid(list), list.records.length, list.isSound], [next, records, isSound]);
  });
}

for (const text of ['', '\n', '2 V1 N1\n', '3 N1\n', '3 V0 N1\n', '3 Vx N1\n', '1 5\n', 'V1 N1\n']) {
  test(`no list: ${JSON.stringify(text)}`, () => assert.throws(() => parse(text), CorruptFileError));
}

test('any bytes are a list or a broken file', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom('', '3 V1 N1\n', '3 V1 N1\n1 :a\n'),
      (bytes, head) => {
        try {
          parseUidList(Buffer.concat([Buffer.from(head), bytes]), 'x');
        } catch (error) {
          assert.ok(error instanceof CorruptFileError);
        }
      },
    ),
  );
});
