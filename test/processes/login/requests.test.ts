// The gate as a session worker and the supervisor have it between them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LoginAttempt } from '../../../src/auth/guessing/gate.js';
import { GuessGate } from '../../../src/auth/guessing/guess-gate.js';
import type { GuessingStatus } from '../../../src/auth/guessing/status.js';
import { silentLog } from '../../../src/log.js';
import { LoginAnswers, type LoginMessage, LoginRequests } from '../../../src/processes/login/requests.js';
import type { ToChild } from '../../../src/processes/messages.js';

const attempt = (address: string, account = 'joe@example.jp'): LoginAttempt => ({ service: 'pop3', address, account });

/** A supervisor with some workers, connected without a process between them. */
function daemon(t: TestContext): {
  readonly status: () => GuessingStatus;
  worker(): { readonly requests: LoginRequests; readonly told: LoginMessage[]; die(): void };
} {
  const gate = new GuessGate({ freeOfAddress: 3, freeOfAccount: 100, isFrontEnd: () => false, log: silentLog });
  t.after(() => gate.close());
  return {
    status: () => gate.status(),
    worker() {
      const told: LoginMessage[] = [];
      const answers = new LoginAnswers(gate, (message: ToChild) => {
        if (message.type === 'login-entered') requests.answered(message);
      });
      const requests = new LoginRequests((message) => {
        told.push(message);
        answers.hear(message);
      });
      return { requests, told, die: () => answers.gone() };
    },
  };
}

test('what one worker sees fail counts in all others', async (t) => {
  const { worker, status } = daemon(t);
  const workers = [worker(), worker()];
  for (let n = 0; n < 4; n++) {
    const admission = await workers[n % 2]?.requests.enter(attempt('192.0.2.1', `u${n}@d`));
    assert.ok(admission?.isAdmitted);
    admission.over('wrong', `${n}`);
  }
  assert.deepEqual(
    status().addresses.map(({ key, failures }) => [key, failures]),
    [['192.0.2.1', 4]],
  );
});

test('a pair that was right is not asked about again, until it fails', async (t) => {
  const { worker, status } = daemon(t);
  const { requests, told } = worker();
  for (let n = 0; n < 5; n++) {
    const admission = await requests.enter(attempt('192.0.2.1'));
    assert.ok(admission.isAdmitted);
    assert.equal(admission.standing, n === 0 ? 'clean' : 'known');
    admission.over('right');
  }
  assert.deepEqual(
    told.map(({ type }) => type),
    ['login-enter', 'login-over'],
  );
  const wrong = await requests.enter(attempt('192.0.2.1'));
  assert.ok(wrong.isAdmitted);
  wrong.over('wrong', 'x');
  assert.equal(told.at(-1)?.type, 'login-failed');
  assert.equal(status().addresses[0]?.failures, 1);
  const again = await requests.enter(attempt('192.0.2.1'));
  assert.ok(again.isAdmitted);
  assert.equal(again.standing, 'known', 'to the supervisor it is');
  assert.equal(told.at(-1)?.type, 'login-enter');
});

test('what a worker had under way is over when it dies', async (t) => {
  const { worker } = daemon(t);
  const [dying, other] = [worker(), worker()];
  for (let n = 0; n < 3; n++) await dying.requests.enter(attempt('192.0.2.1', `u${n}@d`));
  const waiting = other.requests.enter(attempt('192.0.2.1', 'u9@d'));
  dying.die();
  assert.equal((await waiting).isAdmitted, true);
});
