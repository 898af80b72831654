import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeNetstring, NetstringDecoder, NetstringError } from '../../src/protocols/netstring.js';

/** Everything that comes of these pieces. */
function decode(pieces: readonly Buffer[], maxBytes = 1000): string[] {
  const decoder = new NetstringDecoder(maxBytes);
  const strings: string[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let next = decoder.next(); next !== undefined; next = decoder.next()) strings.push(next.toString('latin1'));
  }
  return strings;
}

const bytesOf = (text: string): Buffer[] => [...Buffer.from(text, 'latin1')].map((byte) => Buffer.from([byte]));

const good: readonly [string, string, string[]][] = [
  ['the example of the specification', '12:hello world!,', ['hello world!']],
  ['the empty string', '0:,', ['']],
  ['two in a row', '3:a b,0:,1:c,', ['a b', '', 'c']],
  ['commas, colons, digits and line ends inside', '9:1:,\r\n,3:,,', ['1:,\r\n,3:,']],
  ['a socketmap request', '30:recipients joe@mail.example.jp,', ['recipients joe@mail.example.jp']],
];
for (const [reason, text, strings] of good) {
  test(`${reason}: whole, byte by byte, cut`, () => {
    assert.deepEqual(decode([Buffer.from(text, 'latin1')]), strings);
    assert.deepEqual(decode(bytesOf(text)), strings);
    for (let cut = 0; cut < text.length; cut++) {
      const got = decode([Buffer.from(text.slice(0, cut), 'latin1')]);
      assert.ok(got.length < strings.length, `${cut} of ${text.length} bytes`);
      assert.deepEqual(got, strings.slice(0, got.length));
    }
  });
}

const bad: readonly [string, string][] = [
  ['no length', ':a,'],
  ['a sign', '-1:,'],
  ['a blank in front', ' 1:a,'],
  ['a needless zero', '01:a,'],
  ['two zeros', '00:,'],
  ['no comma', '1:ab'],
  ['a line end instead of the comma', '1:a\n'],
  ['a letter in the length', '1a:b,'],
  ['more than is taken', '1001:'],
  ['a length without end', '9'.repeat(100)],
  ['something else altogether', 'GET / HTTP/1.0\r\n'],
];
for (const [reason, text] of bad) {
  test(`refused: ${reason}`, () => {
    assert.throws(() => decode([Buffer.from(text, 'latin1')]), NetstringError);
    assert.throws(() => decode(bytesOf(text)), NetstringError);
  });
}

test('a length above the limit is refused before its bytes come', () => {
  assert.throws(() => decode(bytesOf('1001')), /at most 1000 bytes/);
  assert.deepEqual(decode([encodeNetstring('x'.repeat(1000))]), ['x'.repeat(1000)]);
});

test('what waits is known, and whether a string has begun', () => {
  const decoder = new NetstringDecoder(100);
  assert.equal(decoder.next(), undefined);
  assert.equal(decoder.isAmidst, false);
  decoder.push(Buffer.from('3'));
  assert.equal(decoder.next(), undefined);
  assert.equal(decoder.isAmidst, true);
  decoder.push(Buffer.from(':ab'));
  assert.equal(decoder.next(), undefined);
  assert.equal(decoder.waitingBytes, 2);
  decoder.push(Buffer.from('c,1'));
  assert.equal(decoder.next()?.toString(), 'abc');
  assert.equal(decoder.waitingBytes, 1);
  assert.equal(decoder.isAmidst, true);
});

test('any strings in any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.array(fc.integer({ min: 1, max: 9 })),
      (strings, cuts) => {
        const bytes = Buffer.concat(strings.map((string) => encodeNetstring(Buffer.from(string))));
        const pieces: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const length = cuts[n % Math.max(1, cuts.length)] ?? bytes.length;
          pieces.push(Buffer.from(bytes.subarray(at, at + length)));
          at += length;
        }
        assert.deepEqual(
          decode(pieces),
          strings.map((string) => Buffer.from(string).toString('latin1')),
        );
      },
    ),
  );
});
