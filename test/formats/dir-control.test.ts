import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  asVpopmailReads,
  freshDirControl,
  parseDirControl,
  serializeDirControl,
} from '../../src/formats/dir-control.js';

test('.dir-control: the test vectors of formats/vpopmail.md 13.2', () => {
  const first = serializeDirControl({ ...freshDirControl, curUsers: 1n });
  assert.equal(first.toString(), '1\n0\n3\n0 0 0\n61 61 61\n0 2 4\n0 0 0\n\n');
  const read = parseDirControl(first);
  assert.deepEqual(read, { ...freshDirControl, curUsers: 1n });
  const rewritten = serializeDirControl({ ...asVpopmailReads(read ?? freshDirControl), curUsers: 2n });
  assert.equal(rewritten.toString(), '2\n0\n3\n0 0 0\n61 61 61\n0 2 2\n0 0 0\n\n', 'the third number is lost');
});

test('.dir-control: odd files', () => {
  const rows = '1\n0\n3\n0 0 0\n61 61 61\n0 2 4\n0 0 0\n';
  const parse = (text: string): ReturnType<typeof parseDirControl> => parseDirControl(Buffer.from(text, 'latin1'));
  assert.equal(parse(`${rows}A/b\n`)?.theDir, 'A/b');
  assert.equal(parse(`${rows}A/b\nC\n`)?.theDir, 'C', 'a ninth line counts');
  assert.equal(parse(rows)?.theDir, '', 'seven lines');
  assert.equal(parse(rows.replace(/^1/, '18446744073709551615'))?.curUsers, 2n ** 64n - 1n, 'wrapped below zero');
  for (const text of ['', '1\n', rows.replace('0 2 4', '0 2'), rows.replace('3', 'x'), 'a\nb\nc\nd\ne\nf\ng\nh\n'])
    assert.equal(parse(text), undefined, JSON.stringify(text));
});

test('property: what is written is read, and nothing makes the reader throw', () => {
  const levels = fc.tuple(fc.nat(), fc.nat(), fc.nat());
  const state = fc.record(
    {
      curUsers: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      levelCur: fc.nat(),
      levelMax: fc.nat(),
      levelStart: levels,
      levelEnd: levels,
      levelMod: levels,
      levelIndex: levels,
      theDir: fc.string({ unit: fc.constantFrom('a', 'Z', '0', '/') }),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(state, (value) => assert.deepEqual(parseDirControl(serializeDirControl(value)), value)));
  const unit = fc.constantFrom('0 0 0', '61', ' ', '\n', '-', 'x', '99999999999999999999999');
  fc.assert(fc.property(fc.array(unit), (parts) => void parseDirControl(Buffer.from(parts.join('')))));
});
