import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bitsOfInfo,
  bitsOfLetters,
  changedLetters,
  flagBits,
  lettersOfBits,
} from '../../../src/formats/mailbox/message-flags.js';
import { flagsOf, withFlags } from '../../../src/formats/maildir/maildir-name.js';

/** What Dovecot 2.3.19.1 made of names when \Flagged and \Draft were added (formats/dovecot.md 1.5). */
const changes: readonly [before: string, after: string][] = [
  ['a:2,PS', 'a:2,DFPS'],
  ['a:2,S,extra', 'a:2,DFS,extra'],
  ['a:2,SaZ', 'a:2,DFSZa'],
  ['a:1,foo', 'a:2,DF'],
  ['a', 'a:2,DF'],
  ['a:2,TS', 'a:2,DFST'],
];

for (const [before, after] of changes) {
  test(`${before} with \\Flagged and \\Draft is ${after}`, () => {
    const letters = flagsOf(before);
    const bits = bitsOfLetters(letters) | flagBits.flagged | flagBits.draft;
    assert.equal(withFlags(before, changedLetters(letters, bits)), after);
  });
}

test('the bits of an info are those of the letters of the whole name', () => {
  const info = fc
    .array(fc.constantFrom('2', ',', ':', 'S', 'T', 'a', 'z', 'x', '1', ' '))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      fc.oneof(
        info,
        info.map((rest) => `2,${rest}`),
      ),
      (text) => {
        assert.equal(bitsOfInfo(text), bitsOfLetters(flagsOf(`:${text}`)));
      },
    ),
  );
});

test('every number has letters that give it back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (bits) => {
      const letters = lettersOfBits(bits);
      assert.equal(bitsOfLetters(letters), bits);
      assert.equal([...letters].sort().join(''), letters);
    }),
  );
});

test('letters that are no flag stay, whatever changes', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'DFPRSTabzXYZ019-') }), fc.integer(), (letters, bits) => {
      const changed = changedLetters(letters, bits | 0);
      assert.equal(bitsOfLetters(changed), bits | 0);
      for (const letter of letters) if (/[XYZ019-]/.test(letter)) assert.ok(changed.includes(letter));
      assert.equal(new Set(changed).size, changed.length);
    }),
  );
});
