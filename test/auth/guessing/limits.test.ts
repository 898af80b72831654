// Who is put off, and for how long; all by the clock that is passed in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countFailure, FailureTable, failuresOf, waitOf } from '../../../src/auth/guessing/failures.js';
import type { AttemptOutcome } from '../../../src/auth/guessing/gate.js';
import { GuessLimits } from '../../../src/auth/guessing/limits.js';

const minute = 60_000;
const limits = { free: 3, crowd: 1, forgetMs: minute, longestPauseMs: 8_000 };

test('failures beyond the free ones double the pause up to the longest, and are forgotten one by one', () => {
  const record = new FailureTable('address', 10).touch('a', limits, 0);
  const pauses = Array.from({ length: 8 }, () => {
    countFailure(record, 0);
    const wait = waitOf(record, 0);
    record.pausedUntilMs = 0;
    return wait;
  });
  assert.deepEqual(pauses, [0, 0, 0, 1000, 2000, 4000, 8000, 8000]);
  assert.equal(failuresOf(record, minute - 1), 8);
  assert.equal(failuresOf(record, minute), 7);
  assert.equal(failuresOf(record, 5 * minute), 3);
  countFailure(record, 5 * minute);
  assert.equal(waitOf(record, 5 * minute), 1000);
  assert.equal(failuresOf(record, 100 * minute), 0);
});

test('a table forgets what nobody asked for the longest, and not what is under way', () => {
  const table = new FailureTable('account', 3);
  const first = table.touch('first', limits, 0);
  first.underWay = 1;
  for (const key of ['second', 'third', 'fourth']) table.touch(key, limits, 0);
  assert.deepEqual(
    [...table.records()].map(({ key }) => key),
    ['first', 'third', 'fourth'],
  );
  assert.equal(table.touch('first', limits, 0), first);
  first.underWay = 0;
  table.sweep(0);
  assert.equal(table.size, 0);
});

/** Limits with a clock, and attempts in words. */
function scene(isFrontEnd: (address: string) => boolean = () => false): {
  readonly limits: GuessLimits;
  pass(ms: number): void;
  /** Attempts one. @returns `put off N` in seconds, `busy`, or how it ended */
  attempt(address: string | undefined, account: string, outcome: AttemptOutcome, fingerprint?: string): string;
  standing(address: string, account: string): string;
} {
  let now = 0;
  const them = new GuessLimits({ freeOfAddress: 5, freeOfAccount: 8, isFrontEnd });
  const enter = (address: string | undefined, account: string): ReturnType<GuessLimits['enter']> =>
    them.enter({ service: 'pop3', address, account }, now);
  return {
    limits: them,
    pass(ms) {
      now += ms;
    },
    attempt(address, account, outcome, fingerprint) {
      const decision = enter(address, account);
      if (decision.kind === 'wait') return decision.ms === 'busy' ? 'busy' : `put off ${decision.ms / 1000}`;
      them.over(decision.underWay, outcome, fingerprint, now);
      return outcome;
    },
    standing(address, account) {
      const decision = enter(address, account);
      if (decision.kind === 'wait') return 'put off';
      them.over(decision.underWay, 'undecided', undefined, now);
      return decision.underWay.standing;
    },
  };
}

test('an address that guesses at many accounts is put off, others are not', () => {
  const { attempt, pass } = scene();
  for (let n = 0; n < 6; n++) assert.equal(attempt('192.0.2.1', `user${n}@d`, 'wrong'), 'wrong');
  assert.equal(attempt('192.0.2.1', 'user7@d', 'wrong'), 'put off 1');
  assert.equal(attempt('192.0.2.2', 'user7@d', 'right'), 'right');
  pass(1000);
  assert.equal(attempt('192.0.2.1', 'user7@d', 'wrong'), 'wrong');
  assert.equal(attempt('192.0.2.1', 'user7@d', 'wrong'), 'put off 2');
  for (let n = 0; n < 20; n++) {
    pass(15 * minute);
    assert.equal(
      attempt('192.0.2.1', `late${n}@d`, 'wrong'),
      'wrong',
      'no lock-out is longer than a quarter of an hour',
    );
  }
});

test('an account that is guessed at from everywhere is put off from addresses that are not known for it, for a minute at most', () => {
  const { attempt, pass } = scene();
  assert.equal(attempt('198.51.100.1', 'joe@d', 'right'), 'right');
  for (let n = 0; n < 9; n++) assert.equal(attempt(`192.0.2.${n}`, 'joe@d', 'wrong'), 'wrong');
  assert.equal(attempt('192.0.2.20', 'joe@d', 'wrong'), 'put off 1');
  for (let n = 0; n < 12; n++) {
    pass(minute);
    assert.equal(attempt(`203.0.113.${n}`, 'joe@d', 'wrong'), 'wrong');
  }
  assert.equal(attempt('203.0.113.99', 'joe@d', 'right').startsWith('put off'), true);
  assert.equal(attempt('198.51.100.1', 'joe@d', 'right'), 'right', 'its owner, at home');
  assert.equal(attempt('203.0.113.99', 'ann@d', 'right'), 'right', 'somebody else');
});

test('who was let in lately is not held to what others behind the same address fail', () => {
  const { attempt, pass, limits: them } = scene();
  attempt('192.0.2.1', 'joe@d', 'right');
  for (let n = 0; n < 7; n++) attempt('192.0.2.1', `user${n}@d`, 'wrong');
  assert.match(attempt('192.0.2.1', 'ann@d', 'right'), /^put off/);
  assert.equal(attempt('192.0.2.1', 'joe@d', 'right'), 'right');
  assert.equal(them.knownPairs, 1);
  pass(25 * 60 * minute);
  them.sweep(25 * 60 * minute);
  assert.equal(them.knownPairs, 0);
});

test('a known pair that fails ten times in a row is held to the limits again', () => {
  const { attempt } = scene();
  attempt('192.0.2.1', 'joe@d', 'right');
  for (let n = 0; n < 9; n++) assert.equal(attempt('192.0.2.1', 'joe@d', 'wrong'), 'wrong');
  assert.equal(attempt('192.0.2.1', 'joe@d', 'right'), 'right', 'nine mistakes, and then it is right');
  for (let n = 0; n < 10; n++) assert.equal(attempt('192.0.2.1', 'joe@d', 'wrong'), 'wrong');
  assert.match(attempt('192.0.2.1', 'joe@d', 'wrong'), /^put off/);
});

test('being let in does not clear what an address has failed', () => {
  const { attempt } = scene();
  for (let n = 0; n < 5; n++) {
    assert.equal(attempt('192.0.2.1', `victim${n}@d`, 'wrong'), 'wrong');
    assert.equal(attempt('192.0.2.1', 'own@d', 'right'), 'right');
  }
  attempt('192.0.2.1', 'victim5@d', 'wrong');
  assert.match(attempt('192.0.2.1', 'victim6@d', 'wrong'), /^put off/);
});

test('a phone with an old password is no guesser, a flood of one wrong password is', () => {
  const phone = scene();
  for (let n = 0; n < 50; n++) {
    assert.equal(phone.attempt('192.0.2.1', 'joe@d', 'wrong', 'the old one'), 'wrong');
    phone.pass(minute / 2);
  }
  const flood = scene();
  for (let n = 0; n < 6; n++) assert.equal(flood.attempt('192.0.2.1', 'joe@d', 'wrong', 'the same'), 'wrong');
  assert.match(flood.attempt('192.0.2.1', 'joe@d', 'wrong', 'the same'), /^put off/);
});

test('nobody gets more guesses by making them at once', () => {
  const { limits: them } = scene();
  const attempt = (n: number): ReturnType<GuessLimits['enter']> =>
    them.enter({ service: 'smtp', address: '192.0.2.1', account: `user${n}@d` }, 0);
  const decisions = Array.from({ length: 20 }, (_, n) => attempt(n));
  const admitted = decisions.flatMap((decision) => (decision.kind === 'go' ? [decision.underWay] : []));
  assert.equal(admitted.length, 5);
  for (const underWay of admitted) them.over(underWay, 'wrong', undefined, 0);
  assert.equal(attempt(30).kind, 'go');
  assert.deepEqual(attempt(31), { kind: 'wait', key: '192.0.2.1', ms: 'busy' });
});

test('IPv6 is counted by /64, and a site of many by its /48', () => {
  const { attempt } = scene();
  for (let n = 0; n < 6; n++) attempt(`2001:db8:1:2::${n}`, `user${n}@d`, 'wrong');
  assert.match(attempt('2001:db8:1:2:ffff::9', 'x@d', 'wrong'), /^put off/);
  for (let n = 0; n < 35; n++)
    assert.equal(attempt(`2001:db8:1:${(n + 3).toString(16)}::1`, `other${n}@d`, 'wrong'), 'wrong');
  assert.match(attempt('2001:db8:1:ffff::1', 'y@d', 'wrong'), /^put off/);
  assert.equal(attempt('2001:db8:2::1', 'y@d', 'wrong'), 'wrong');
});

test('a front end brings the logins of many: a hundred times as many; a client without an address is held to the account alone', () => {
  const { attempt, standing } = scene((address) => address === '127.0.0.1');
  for (let n = 0; n < 400; n++) assert.equal(attempt('127.0.0.1', `user${n}@d`, 'wrong'), 'wrong');
  assert.equal(attempt(undefined, 'joe@d', 'wrong'), 'wrong');
  assert.equal(standing('127.0.0.1', 'ann@d'), 'suspect');
  for (let n = 0; n < 8; n++) attempt('127.0.0.1', 'joe@d', 'wrong');
  assert.match(attempt('127.0.0.1', 'joe@d', 'wrong'), /^put off/, 'an account is an account');
});

test('who is known comes first, who failed last', () => {
  const { attempt, standing } = scene();
  assert.equal(standing('192.0.2.1', 'joe@d'), 'clean');
  attempt('192.0.2.1', 'joe@d', 'wrong');
  assert.equal(standing('192.0.2.1', 'joe@d'), 'suspect');
  attempt('192.0.2.1', 'joe@d', 'right');
  assert.equal(standing('192.0.2.1', 'joe@d'), 'known');
  assert.equal(standing('192.0.2.1', 'ann@d'), 'suspect');
});

test('a million names and addresses leave tables of a bounded size, and the one that is guessed at in it', () => {
  const { limits: them } = scene();
  for (let n = 0; n < 100_000; n++) {
    const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    const account = n % 10 === 0 ? 'victim@d' : `user${n}@d`;
    const decision = them.enter({ service: 'imap', address, account }, n);
    if (decision.kind === 'go') them.over(decision.underWay, 'wrong', undefined, n);
  }
  assert.ok(them.addresses.size <= 20_000 && them.accounts.size <= 20_000);
  assert.match(
    ((decision) => (decision.kind === 'wait' ? 'put off' : 'let'))(
      them.enter({ service: 'imap', address: '192.0.2.1', account: 'victim@d' }, 100_000),
    ),
    /put off/,
  );
});
