// The grammar of commands: what is taken, what is refused, and that nothing makes it hang or crash.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDateTime, parseDate, parseDateTime } from '../../../src/protocols/imap/dates.js';
import { type CommandPiece, Decoder, literalAnnouncement, SyntaxProblem } from '../../../src/protocols/imap/decoder.js';
import { formatItemName, marksSeen, parseFetchItems } from '../../../src/protocols/imap/fetch-items.js';
import { parseSearchKeys } from '../../../src/protocols/imap/search-keys.js';
import {
  formatNumbers,
  includesNumber,
  parseSequenceSet,
  resolveRanges,
} from '../../../src/protocols/imap/sequence-set.js';
import { quotedOrLiteral, stringForHumans } from '../../../src/protocols/imap/strings.js';

const of = (text: string): Decoder => new Decoder([{ text }]);
const withLiteral = (before: string, bytes: string, after: string): Decoder =>
  new Decoder([{ text: before, literal: { bytes: Buffer.from(bytes, 'latin1'), isBinary: false } }, { text: after }]);

test('strings: atoms, quoted strings with their two escapes, literals', () => {
  assert.equal(of('noel').astring(), 'noel');
  assert.equal(of('a]b c').astring(), 'a]b');
  assert.equal(of('"a \\"b\\" \\\\ (c"').astring(), 'a "b" \\ (c');
  const decoder = withLiteral('', 'a\r\nb', ' rest');
  assert.equal(decoder.astring(), 'a\r\nb');
  decoder.sp();
  assert.equal(decoder.atom(), 'rest');
  decoder.end();
  assert.equal(of('NIL').nstring(), undefined);
  assert.equal(of('"NIL"').nstring(), 'NIL');
});

const refused: readonly (readonly [string, (decoder: Decoder) => unknown, string])[] = [
  ['"open', (d) => d.string(), 'a quote that does not end'],
  ['"a\\n"', (d) => d.string(), 'an escape that is none'],
  ['', (d) => d.astring(), 'nothing'],
  ['(a', (d) => d.list(() => d.atom()), 'a list that does not end'],
  ['0123456789012', (d) => d.number(), 'a number that is too large'],
  ['4294967296', (d) => d.number(), 'one more than 32 bits'],
  ['99999999999999999999', (d) => d.number64(), 'more than 63 bits'],
  ['a b', (d) => [d.atom(), d.end()], 'more than there should be'],
  ['('.repeat(200), (d) => parseSearchKeys(d), 'parentheses without end'],
  ['NOT '.repeat(5000), (d) => parseSearchKeys(d), 'NOT without end'],
  ['BODY[0]', (d) => parseFetchItems(d), 'part 0'],
  ['BODY[MIME]', (d) => parseFetchItems(d), 'MIME of no part'],
  ['BODY[HEADER.FIELDS ()]', (d) => parseFetchItems(d), 'no field'],
  ['BODY[TEXT]<1>', (d) => parseFetchItems(d), 'half a partial'],
  ['RFC822<0.1>', (d) => [parseFetchItems(d), d.end()], 'a partial of RFC822'],
  ['NOSUCH', (d) => parseFetchItems(d), 'an item that is none'],
  ['SINCE 31-Feb-2026', (d) => parseSearchKeys(d), 'a day that is none'],
  ['YOUNGER 0', (d) => parseSearchKeys(d), 'an interval of 0'],
  ['BOGUS', (d) => parseSearchKeys(d), 'a key that is none'],
];

for (const [text, read, why] of refused)
  test(`refused: ${why}`, () => assert.throws(() => read(of(text)), SyntaxProblem));

test('literals are announced at the end of a line', () => {
  const row = (line: string) => literalAnnouncement(line);
  assert.deepEqual(row('a1 LOGIN {4}'), { bytes: 4, isSynchronizing: true, isBinary: false, text: 'a1 LOGIN ' });
  assert.deepEqual(row('x ~{0+}'), { bytes: 0, isSynchronizing: false, isBinary: true, text: 'x ' });
  assert.equal(row('a1 NOOP'), undefined);
  assert.equal(row('a1 X {4} '), undefined);
  assert.equal(row('a1 X {99999999999999999999}'), undefined);
});

test('sequence sets', () => {
  const ranges = (text: string, most: number) => {
    const set = parseSequenceSet(text);
    assert.ok(set !== undefined && set !== 'saved', text);
    return resolveRanges(set, most);
  };
  assert.deepEqual(ranges('*:1', 5), [{ first: 1, last: 5 }]);
  assert.deepEqual(ranges('100:*', 4), [{ first: 4, last: 100 }], 'the last one is always in it');
  assert.deepEqual(ranges('5,1:2,2:3,3', 9), [
    { first: 1, last: 3 },
    { first: 5, last: 5 },
  ]);
  assert.deepEqual(ranges('*', 0), [], 'an empty mailbox');
  assert.equal(parseSequenceSet('$'), 'saved');
  for (const text of ['0', '1:0', '', '1,,2', 'a', '1:2:3', '4294967296', '1,'])
    assert.equal(parseSequenceSet(text), undefined, text);
  assert.equal(formatNumbers([1, 2, 3, 5, 9, 8]), '1:3,5,9,8');
  assert.equal(formatNumbers([]), '');
});

test('a number is in resolved ranges exactly when it is in one of them', () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 61 }), (pairs, number) => {
      const resolved = resolveRanges(
        pairs.map(([first, last]) => ({ first, last })),
        60,
      );
      const expected = pairs.some(([a, b]) => number >= Math.min(a, b) && number <= Math.max(a, b));
      assert.equal(includesNumber(resolved, number), expected);
    }),
  );
});

const items: readonly (readonly [string, readonly string[]])[] = [
  ['FLAGS', ['FLAGS']],
  ['fast', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']],
  ['(UID BODY[] BODY.PEEK[1.2.MIME])', ['UID', 'BODY[]', 'BODY[1.2.MIME]']],
  ['BODY.PEEK[HEADER.FIELDS (From "X Y")]', ['BODY[HEADER.FIELDS (FROM "X Y")]']],
  ['(BODY[TEXT]<5.10> BINARY[1]<0.3> BINARY.SIZE[2])', ['BODY[TEXT]<5>', 'BINARY[1]<0>', 'BINARY.SIZE[2]']],
  ['(PREVIEW (LAZY) FLAGS)', ['PREVIEW', 'FLAGS']],
  ['(PREVIEW FLAGS)', ['PREVIEW', 'FLAGS']],
  ['BODY', ['BODY']],
];

for (const [text, names] of items)
  test(`FETCH ${text}`, () => {
    const decoder = of(text);
    assert.deepEqual(parseFetchItems(decoder).map(formatItemName), names);
    decoder.end();
  });

test('what marks a message as read', () => {
  const marks = (text: string): boolean => parseFetchItems(of(text)).some(marksSeen);
  for (const text of ['BODY[]', 'RFC822', 'RFC822.TEXT', 'BINARY[1]', 'BODY[HEADER]']) assert.ok(marks(text), text);
  for (const text of ['BODY.PEEK[]', 'RFC822.HEADER', 'BODYSTRUCTURE', 'BODY', 'BINARY.SIZE[1]', 'FULL'])
    assert.ok(!marks(text), text);
});

test('SEARCH keys', () => {
  assert.deepEqual(parseSearchKeys(of('UNSEEN OR FROM noel (SUBJECT "a b" NOT DELETED) UID 1:*')), {
    key: 'and',
    keys: [
      { key: 'not', of: { key: 'flag', flag: '\\Seen' } },
      {
        key: 'or',
        keys: [
          { key: 'header', name: 'FROM', text: 'noel' },
          {
            key: 'and',
            keys: [
              { key: 'header', name: 'SUBJECT', text: 'a b' },
              { key: 'not', of: { key: 'flag', flag: '\\Deleted' } },
            ],
          },
        ],
      },
      { key: 'uid', set: [{ first: 1, last: Number.POSITIVE_INFINITY }] },
    ],
  });
  assert.deepEqual(parseSearchKeys(of('MODSEQ "/flags/\\\\Seen" all 12')), { key: 'modseq', least: 12n });
});

test('dates', () => {
  assert.equal(parseDateTime(' 1-Jan-2020 00:00:00 +0000'), 1577836800);
  assert.equal(parseDateTime('24-Nov-2026 02:49:18 +0900'), 1795456158);
  for (const text of [
    '1-Jan-2020 00:00:00 +0000',
    '31-Feb-2020 00:00:00 +0000',
    '01-Jan-2020',
    '01-Jan-2020 24:00:00 +0000',
  ])
    assert.equal(parseDateTime(text), undefined, text);
  assert.deepEqual(parseDate('1-feb-2026'), { year: 2026, month: 1, day: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: -720, max: 840 }), (seconds, zone) => {
      assert.equal(parseDateTime(formatDateTime(seconds, zone).slice(1, -1)), seconds);
    }),
  );
});

test('strings are written so that the decoder reads them back', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '"', '\\', ' ', '\r', '\n', '\xe9', '(') }), (text) => {
      const written = quotedOrLiteral(text);
      const lineEnd = written.startsWith('{') ? written.indexOf('\r\n') : -1;
      const announced = lineEnd < 0 ? undefined : literalAnnouncement(written.slice(0, lineEnd));
      const decoder =
        announced === undefined ? of(written) : withLiteral(announced.text, written.slice(lineEnd + 2), '');
      assert.equal(decoder.string(), text);
    }),
  );
});

test('text for people is one line with single blanks', () => {
  assert.equal(stringForHumans('plain text'), '"plain text"');
  assert.equal(stringForHumans('two\r\n lines'), '{9}\r\ntwo lines');
  assert.equal(stringForHumans(' \t'), '""');
  assert.equal(stringForHumans('a "b"'), '{5}\r\na "b"');
});

test('any bytes are a command or a SyntaxProblem, and quickly', () => {
  const word = fc.constantFrom(
    '(',
    ')',
    '"',
    '\\',
    ' ',
    '[',
    ']',
    '<',
    '>',
    '*',
    '1',
    ':',
    ',',
    'BODY',
    'FROM',
    'OR',
    'NOT',
    'HEADER.FIELDS',
    '.',
    'UID',
    '$',
    '{',
    '\0',
    '\xff',
  );
  const pieces: fc.Arbitrary<CommandPiece[]> = fc.array(
    fc
      .array(word, { maxLength: 20 })
      .map((words) => ({ text: words.join(''), literal: { bytes: Buffer.from('x'), isBinary: false } })),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(pieces, (command) => {
      for (const read of [
        parseFetchItems,
        parseSearchKeys,
        (d: Decoder) => d.list(() => d.astring()),
        (d: Decoder) => d.nstring(),
      ])
        try {
          read(new Decoder(command));
        } catch (error) {
          assert.ok(error instanceof SyntaxProblem, String(error));
        }
    }),
    { numRuns: 2000 },
  );
});
