import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  deliveredToLine,
  lower,
  quoteAddress,
  quoteLocalPart,
  returnPathLine,
  splitAddress,
} from '../../src/mail/address.js';

test('an address is split at its last @', () => {
  const rows: [address: string, local: string, domain: string | undefined, why: string][] = [
    ['joe@example.jp', 'joe', 'example.jp', 'the usual form'],
    ['a@b@example.jp', 'a@b', 'example.jp', 'the last @ counts'],
    ['joe', 'joe', undefined, 'no @ is not an empty domain'],
    ['joe@', 'joe', '', 'an empty domain is one'],
    ['@example.jp', '', 'example.jp', 'an empty local part'],
    ['', '', undefined, 'the null sender'],
  ];
  for (const [address, local, domain, why] of rows) assert.deepEqual(splitAddress(address), { local, domain }, why);
});

test('only ASCII letters are folded', () => {
  assert.equal(lower('Joe@EXAMPLE.JP'), 'joe@example.jp');
  assert.equal(lower('\xc4\xd6\xde'), '\xc4\xd6\xde', 'Latin-1 capitals are other bytes and stay');
});

test('a local part is quoted where qmail quotes it', () => {
  const rows: [local: string, quoted: string, why: string][] = [
    ['joe', 'joe', 'letters'],
    ["!#$%&'*+-./=?^_`{|}~09", "!#$%&'*+-./=?^_`{|}~09", 'every byte that needs no quotes'],
    ['', '""', 'an empty local part is quoted'],
    ['a b', '"a b"', 'a blank'],
    ['a"b\\c', '"a\\"b\\\\c"', 'quote and backslash are escaped'],
    ['a\rb\nc', '"a\\\rb\\\nc"', 'CR and LF are escaped too'],
    ['.a', '".a"', 'a dot at the start'],
    ['a.', '"a."', 'a dot at the end'],
    ['a..b', '"a..b"', 'two dots in a row'],
    ['a.b', 'a.b', 'one dot is fine'],
    ['\xe9', '"\xe9"', 'a byte above 127'],
    ['a@b', '"a@b"', 'an @ within'],
    ['a(b)', '"a(b)"', 'specials'],
  ];
  for (const [local, quoted, why] of rows) assert.equal(quoteLocalPart(local), quoted, why);
});

test('quote2: the empty address stays empty, an address without @ is quoted whole', () => {
  assert.equal(quoteAddress(''), '');
  assert.equal(quoteAddress('a b'), '"a b"');
  assert.equal(quoteAddress('a b@c d'), '"a b"@c d', 'the domain is never quoted');
  assert.equal(quoteAddress('@example.jp'), '""@example.jp');
});

test('the two lines above a delivered message', () => {
  assert.equal(returnPathLine('noel@example.gr.jp'), 'Return-Path: <noel@example.gr.jp>\n');
  assert.equal(returnPathLine(''), 'Return-Path: <>\n', 'a bounce');
  assert.equal(returnPathLine('a b@c.d'), 'Return-Path: <"a b"@c.d>\n');
  assert.equal(returnPathLine('a\nb@c.d'), 'Return-Path: <"a\\_b"@c.d>\n', 'a line feed cannot begin a header line');
  assert.equal(deliveredToLine('test@mailtest.example.jp'), 'Delivered-To: test@mailtest.example.jp\n');
  assert.equal(deliveredToLine('a b\n@c'), 'Delivered-To: a b_@c\n', 'not quoted, but one line');
});

test('property: what is quoted can be unquoted, and both lines are one line', () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(bytes, bytes, (local, domain) => {
      const quoted = quoteLocalPart(local);
      assert.equal(quoted.startsWith('"') ? quoted.slice(1, -1).replace(/\\([\s\S])/g, '$1') : quoted, local);
      assert.match(returnPathLine(`${local}@${domain}`), /^[^\n]*\n$/);
      assert.match(deliveredToLine(`${local}@${domain}`), /^[^\n]*\n$/);
    }),
  );
});
