import assert from 'node:assert/strict';
import { test } from 'node:test';
import { likelyPasswords, weaknessOf } from '../../../src/auth/audit/weak-password.js';

const rows: readonly (readonly [string, string | undefined])[] = [
  ['PassWord', 'one of the most common'],
  ['12345678', 'one of the most common'],
  ['taro', 'made of the address'],
  ['Yamada123', 'made of the address'],
  ['orat', 'made of the address'],
  ['kaisha1234', 'made of the address'],
  ['taro.yamada@mail.kaisha.example', 'made of the address'],
  ['x7Kq!', 'shorter than 8 characters'],
  ['20261124', 'digits alone'],
  ['aaaabbbb', 'few different characters'],
  ['correct horse', undefined],
  ['x7Kq!mP2', undefined],
  ['\xe4\xf6\xfc\xdf\xe9\xe8\xea\xeb', undefined],
];
for (const [password, weakness] of rows)
  test(`${password}: ${weakness ?? 'nothing shows that it is weak'}`, () =>
    assert.equal(weaknessOf(password, 'taro.yamada', 'mail.kaisha.example'), weakness));

test('what is tried is no more than a few, what is made of the address first', () => {
  const likely = likelyPasswords('joe', 'example.jp');
  assert.equal(likely.length, 40);
  assert.deepEqual(likely.slice(0, 4), ['joe', 'joe1', 'joe12', 'joe123']);
  assert.ok(likely.includes('123456'));
});
