import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLastAttempt, nextAttempt } from '../../src/queue/schedule.js';

test('tries that begin in time are at the squares', () => {
  // formats/qmail.md 4.4
  for (const [channel, step] of [
    ['local', 10],
    ['remote', 20],
  ] as const) {
    let at = 1_000_000;
    for (let n = 1; n <= 30; n++) {
      at = nextAttempt(channel, 1_000_000, at);
      assert.equal(at, 1_000_000 + (step * n) ** 2);
    }
  }
});

const rows: readonly { why: string; age: number; local: number; remote: number }[] = [
  { why: 'a second late is the same', age: 101, local: 400, remote: 900 },
  { why: 'between two squares the lower one counts', age: 120, local: 400, remote: 900 },
  { why: 'born in the future', age: -50, local: 100, remote: 400 },
];
for (const { why, age, local, remote } of rows) {
  test(why, () => {
    assert.equal(nextAttempt('local', 5000, 5000 + age), 5000 + local);
    assert.equal(nextAttempt('remote', 5000, 5000 + age), 5000 + remote);
  });
}

test('the last try is the first one after the lifetime', () => {
  assert.equal(isLastAttempt(1000, 1100, 100), false);
  assert.equal(isLastAttempt(1000, 1101, 100), true);
});
