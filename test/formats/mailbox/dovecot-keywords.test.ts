import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isKeyword,
  keywordKey,
  letteredKeywords,
  parseDovecotKeywords,
  serializeDovecotKeywords,
} from '../../../src/formats/mailbox/dovecot-keywords.js';

const parse = (text: string) => [...parseDovecotKeywords(Buffer.from(text, 'latin1'))];

const rows: readonly [text: string, names: readonly (string | undefined)[], why: string][] = [
  ['', [], 'an empty file'],
  ['0 $Label1\n1 NonJunk\n', ['$Label1', 'NonJunk'], "Dovecot's own"],
  ['2 c\n', [undefined, undefined, 'c'], 'a gap'],
  ['1 b\n0 a\n', ['a', 'b'], 'any order'],
  ['0 a\n0 b\n', ['a'], 'a number that is there already'],
  ['0 a\n1 A\n', ['a'], 'a name that is there already'],
  ['0 a\n26 z\nx y\n-1 q\n1\n1 \n', ['a'], 'what is no keyword'],
  ['0 a', ['a'], 'a last line without LF'],
];

for (const [text, names, why] of rows) test(`read: ${why}`, () => assert.deepEqual(parse(text), names));

test('written and read again', () => {
  const name = fc.stringMatching(/^[!-~]{1,50}$/);
  const names = fc.uniqueArray(name, { maxLength: letteredKeywords, selector: keywordKey });
  fc.assert(
    fc.property(names, fc.integer({ min: 0, max: 25 }), (list, gap) => {
      const withGap: (string | undefined)[] = [...list];
      if (gap < withGap.length - 1) withGap[gap] = undefined;
      assert.deepEqual([...parseDovecotKeywords(serializeDovecotKeywords(withGap))], withGap);
    }),
  );
});

const keywords: readonly [name: string, isOne: boolean][] = [
  ['$Forwarded', true],
  ['a'.repeat(50), true],
  ['a'.repeat(51), false],
  ['', false],
  ['a]', false],
  ['a b', false],
  ['\\Foo', false],
  ['a*', false],
  ['caf\xc3\xa9', true],
];

for (const [name, isOne] of keywords)
  test(`${JSON.stringify(name)} is ${isOne ? 'a' : 'no'} keyword`, () => assert.equal(isKeyword(name), isOne));
