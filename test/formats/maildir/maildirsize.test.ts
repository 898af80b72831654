import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  changeText,
  isSound,
  maildirsizeQuota,
  maildirsizeUsage,
  newMaildirsize,
  parseMaildirsize,
  serializeMaildirsize,
} from '../../../src/formats/maildir/maildirsize.js';

function parse(text: string): ReturnType<typeof parseMaildirsize> {
  return parseMaildirsize(Buffer.from(text, 'latin1'));
}

test('sums', () => {
  const rows: [text: string, bytes: number, count: number, sound: boolean, why: string][] = [
    ['10485760S\n0 0\n979 1\n', 979, 1, true, "vpopmail's"],
    ['10000S,20C\n53 3\n133 1\n-133 -1\n', 53, 3, true, "Dovecot's: a minus"],
    ['1000S\n          17            1\n', 17, 1, true, "Courier's: padded"],
    ['1000S\n500 2\n18446744073709551216 18446744073709551615\n', 100, 1, true, "vpopmail's negative numbers"],
    ['2000S,5C\n100 1', 100, 1, false, 'a last line without LF: an append would run into it'],
    ['2000S,5C\n100 1355 1\n', 0, 0, false, 'which is what the original makes of it'],
    ['hello\nworld\n352 1\n', 352, 1, false, 'a line that is not two numbers adds nothing'],
    ['', 0, 0, false, 'an empty file'],
    ['1000S\n', 0, 0, false, 'no count yet'],
    ['1000S\n5 1\n-10 -1\n', -5, 0, false, 'a negative sum'],
    ['1000S\n5 1\n\n', 5, 1, false, 'a blank line'],
  ];
  for (const [text, bytes, count, sound, why] of rows) {
    const document = parse(text);
    assert.deepEqual(maildirsizeUsage(document), { bytes, count }, why);
    assert.equal(isSound(document), sound, why);
    assert.equal(serializeMaildirsize(document).toString('latin1'), text, why);
  }
});

test('the first line is a quota', () => {
  assert.deepEqual(maildirsizeQuota(parse('2000S,5C\n0 0\n')), { sizeBytes: 2000, count: 5 });
  assert.deepEqual(maildirsizeQuota(parse('0S\n0 0\n')), {}, "Dovecot's sign for unlimited");
  assert.deepEqual(maildirsizeQuota(parse('')), {});
});

test('the test vectors of formats/vpopmail.md 13.2', () => {
  const empty = newMaildirsize('10485760S', { bytes: 0, count: 0 }).toString('latin1');
  assert.equal(empty, '10485760S\n0 0\n');
  assert.equal(empty + changeText({ bytes: 979, count: 1 }), '10485760S\n0 0\n979 1\n');
});

test('property: changes add up, every file is written back as it was read', () => {
  const change = fc.record({ bytes: fc.integer(), count: fc.integer() });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const text = newMaildirsize('NOQUOTA', { bytes: 0, count: 0 }).toString() + changes.map(changeText).join('');
      assert.deepEqual(maildirsizeUsage(parse(text)), {
        bytes: changes.reduce((sum, { bytes }) => sum + bytes, 0),
        count: changes.reduce((sum, { count }) => sum + count, 0),
      });
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('1', '0', '-', '+', ' ', '\t', '\n', '\r', 'x', 'S') }), (text) => {
      const document = parse(text);
      assert.equal(serializeMaildirsize(document).toString('latin1'), text);
      const { bytes, count } = maildirsizeUsage(document);
      assert.ok(Number.isFinite(bytes) && Number.isFinite(count));
    }),
  );
});
