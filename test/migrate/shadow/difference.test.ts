import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Difference, differenceLines } from '../../../migrate/shadow/difference.js';

test('of one kind so many are told; of what nobody would notice, one for each account', () => {
  const row = (what: string, isNoticed: boolean): Difference => {
    return { protocol: 'pop3', subject: 'joe@a.jp', what, old: '1', new: '2', isNoticed };
  };
  const sizes = Array.from({ length: 25 }, (_, number) => row(`id${number}: size`, false));
  const hashes = Array.from({ length: 25 }, (_, number) => row(`id${number}: hash of its text`, true));
  const lines = differenceLines([...sizes, { ...row('id1: size', false), subject: 'ann@a.jp' }, ...hashes]);
  assert.deepEqual(lines, [
    'note: pop3 joe@a.jp: id0: size: old 1, new 2',
    'note: pop3 ann@a.jp: id1: size: old 1, new 2',
    ...Array.from({ length: 20 }, (_, number) => `pop3 joe@a.jp: id${number}: hash of its text: old 1, new 2`),
    'note: pop3 joe@a.jp: size: and 24 more, which --json tells',
    'pop3 joe@a.jp: hash of its text: and 5 more, which --json tells',
  ]);
});

test('a difference of one kind that is noticed is told beside one that is not', () => {
  const rows = [true, false].map((isNoticed) => {
    return { protocol: 'imaps', subject: 'joe@a.jp', what: 'UID 1: flags', old: 'none', new: '\x1b', isNoticed };
  });
  assert.deepEqual(differenceLines(rows), [
    'imaps joe@a.jp: UID 1: flags: old none, new ?',
    'note: imaps joe@a.jp: UID 1: flags: old none, new ?',
  ]);
});
