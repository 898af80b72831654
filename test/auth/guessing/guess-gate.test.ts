// The gate: who waits, who is put off at once, and what the log hears of it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Admission, AttemptOutcome } from '../../../src/auth/guessing/gate.js';
import { GuessGate } from '../../../src/auth/guessing/guess-gate.js';
import { lineLog } from '../../../src/log.js';

function gateOf(t: TestContext): {
  readonly gate: GuessGate;
  readonly log: string[];
  enter(address: string, account: string): Promise<Admission>;
  attempt(address: string, account: string, outcome: AttemptOutcome): Promise<boolean>;
  pass(ms: number): void;
} {
  const log: string[] = [];
  let passed = 0;
  const gate = new GuessGate({
    freeOfAddress: 3,
    freeOfAccount: 1000,
    isFrontEnd: () => false,
    log: lineLog((line) => log.push(line.trimEnd())),
    now: () => performance.now() + passed,
  });
  t.after(() => gate.close());
  const enter = (address: string, account: string): Promise<Admission> =>
    gate.enter({ service: 'pop3', address, account });
  return {
    gate,
    log,
    enter,
    async attempt(address, account, outcome) {
      const admission = await enter(address, account);
      if (admission.isAdmitted) admission.over(outcome);
      return admission.isAdmitted;
    },
    pass(ms) {
      passed += ms;
    },
  };
}

test('a short pause is waited for, a long one is told', async (t) => {
  const { attempt, enter, log, pass } = gateOf(t);
  for (let n = 0; n < 4; n++) assert.equal(await attempt('192.0.2.1', `u${n}@d`, 'wrong'), true);
  const before = performance.now();
  assert.equal(await attempt('192.0.2.1', 'v@d', 'wrong'), true);
  assert.ok(performance.now() - before > 900, 'a second');
  assert.deepEqual(log, []);
  for (let n = 0; n < 3; n++) {
    pass(60_000);
    await attempt('192.0.2.1', `w${n}@d`, 'wrong');
  }
  const admission = await enter('192.0.2.1', 'x@d');
  assert.equal(admission.isAdmitted, false);
  assert.ok(!admission.isAdmitted && admission.retrySeconds > 4);
  assert.match(
    log.join('\n'),
    /^login limits: logins from 192\.0\.2\.1 are put off for \d+ seconds, after \d that were wrong$/,
  );
});

test('attempts at the same time come one after the other, and those that have to wait long are not held', async (t) => {
  const { enter } = gateOf(t);
  const held = await Promise.all([1, 2, 3].map((n) => enter('192.0.2.1', `u${n}@d`)));
  const fourth = enter('192.0.2.1', 'u4@d');
  const fifth = enter('192.0.2.1', 'u5@d');
  for (const admission of held) if (admission.isAdmitted) admission.over('right');
  for (const admission of [await fourth, await fifth]) {
    assert.ok(admission.isAdmitted);
    admission.over('undecided');
    admission.over('wrong');
  }
});

test('a flood is a few lines in the log', async (t) => {
  const { gate, attempt, log } = gateOf(t);
  for (let n = 0; n < 7; n++) {
    for (let address = 1; address <= 30; address++) {
      const admission = gate.enter({ service: 'smtp', address: `192.0.2.${address}`, account: `u${n}@d` });
      // Whatever has to wait is not waited for.
      if (n < 4) await admission.then((one) => one.isAdmitted && one.over('wrong'));
      else void admission.then((one) => one.isAdmitted && one.over('wrong'));
    }
  }
  await Promise.all(Array.from({ length: 300 }, (_, n) => attempt(`192.0.2.${1 + (n % 30)}`, 'z@d', 'wrong')));
  gate.report();
  assert.ok(log.length <= 11, log.join('\n'));
  assert.match(
    log.at(-1) ?? '',
    /^login limits: \d+ logins were put off in the last minute: from 192\.0\.2\.\d+ \(\d+\), .* and \d+ more/,
  );
  const lines = log.length;
  gate.report();
  assert.equal(log.length, lines, 'nothing to tell');
});

test('status: what is counted, the longest pause first', async (t) => {
  const { gate, attempt } = gateOf(t);
  await attempt('192.0.2.1', 'joe@d', 'right');
  for (let n = 0; n < 4; n++) await attempt('192.0.2.2', 'ann@d', 'wrong');
  await attempt('192.0.2.3', 'ann@d', 'wrong');
  await attempt('192.0.2.4', 'ann@d', 'undecided');
  gate.knownWereRight(7);
  const { addresses, accounts, ...counts } = gate.status();
  assert.deepEqual(counts, { right: 8, wrong: 5, putOff: 0, knownPairs: 1 });
  assert.deepEqual(addresses, [
    { key: '192.0.2.2', failures: 4, pauseSeconds: 1 },
    { key: '192.0.2.3', failures: 1, pauseSeconds: 0 },
  ]);
  assert.deepEqual(accounts, [{ key: 'ann@d', failures: 5, pauseSeconds: 0 }]);
});
