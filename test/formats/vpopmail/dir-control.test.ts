import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  asVpopmailReads,
  freshDirControl,
  parseDirControl,
  readDirControlLoosely,
  serializeDirControl,
  withOneLess,
  withOneMore,
} from '../../../src/formats/vpopmail/dir-control.js';

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

test('.dir-control: which directory follows (formats/vpopmail.md 1.3)', () => {
  const after = (count: number): string => {
    let state = freshDirControl;
    for (let added = 0; added < count; added++) state = withOneMore(asVpopmailReads(state));
    return state.theDir;
  };
  const rows = {
    1: '',
    99: '',
    100: '0',
    199: '0',
    200: '1',
    1100: 'A',
    6200: 'z',
    6299: 'z',
    6300: '0/0',
    12400: '0/z',
    12500: '1/0',
  };
  for (const [count, directory] of Object.entries(rows)) assert.equal(after(Number(count)), directory, count);
  const last = { ...freshDirControl, curUsers: 390_699n, theDir: 'z/z', levelCur: 1 };
  assert.equal(withOneMore(last).theDir, '0/0/0', 'a third level');
  assert.equal(withOneMore({ ...last, theDir: 'z/z/z', levelCur: 2 }).theDir, '0/0/0', 'and no fourth');
  assert.equal(withOneMore({ ...last, theDir: 'garbage' }).theDir, '0', 'what is no such directory begins anew');
});

test('.dir-control: the count', () => {
  assert.equal(withOneLess({ ...freshDirControl, curUsers: 100n, theDir: '0' }).theDir, '0', 'the directory stays');
  assert.equal(withOneLess(freshDirControl).curUsers, 2n ** 64n - 1n, 'below zero it wraps, as in vpopmail');
  assert.equal(withOneMore(withOneLess(freshDirControl)).curUsers, 0n);
});

test('.dir-control: any file, as vpopmail reads it', () => {
  const read = (text: string): string =>
    serializeDirControl(readDirControlLoosely(Buffer.from(text, 'latin1'))).toString();
  const rows = '1\n0\n3\n0 0 0\n61 61 61\n0 2 4\n0 0 0\n';
  assert.equal(read('garbage\n'), '0\n0\n0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\ngarbage\n');
  assert.equal(read(`${rows}A/b\n`), `${rows.replace('0 2 4', '0 2 2')}A/b\n`);
  for (const outside of ['../x', '/etc', 'a/../../b', '.hidden', 'a b'])
    assert.equal(read(`${rows}${outside}\n`), `${rows.replace('0 2 4', '0 2 2')}\n`, outside);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void withOneMore(readDirControlLoosely(Buffer.from(bytes)))));
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
