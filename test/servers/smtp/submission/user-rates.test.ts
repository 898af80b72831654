// How much a user may send within an hour: what is counted, when there is room again, and what the log says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineLog } from '../../../../src/log.js';
import { hasRateLimits, RateKeeper, type RateLimits } from '../../../../src/servers/smtp/submission/user-rates.js';

const minuteMs = 60_000;

function keeper(limits: Partial<RateLimits>) {
  const log: string[] = [];
  const clock = { ms: 1_800_000_000_000 };
  const rates = new RateKeeper(
    { messagesPerHour: 0, recipientsPerHour: 0, ...limits },
    lineLog((line) => log.push(line.trimEnd())),
    () => clock.ms,
  );
  const send = (recipients = 1, user = 'joe@example.jp'): boolean => rates.ask(user, recipients, true).isWithin;
  return { rates, log, clock, send };
}

test('messages within an hour, however they are spread over it', () => {
  const { send, clock } = keeper({ messagesPerHour: 3 });
  const sent = [0, 10, 30, 40, 59, 60, 61, 69, 70, 71].map((minute) => {
    const before = clock.ms;
    clock.ms += minute * minuteMs;
    const isWithin = send();
    clock.ms = before;
    return [minute, isWithin];
  });
  const within = sent.filter(([, isWithin]) => isWithin).map(([minute]) => minute);
  assert.deepEqual(within, [0, 10, 30, 60, 70]);
});

test('recipients, of which a message may have no more than are left', () => {
  const { rates, send } = keeper({ recipientsPerHour: 10 });
  assert.ok(send(7));
  assert.deepEqual(rates.ask('joe@example.jp', 1, false), { isWithin: true, recipientsLeft: 3 });
  assert.ok(!send(4));
  assert.ok(send(3));
  assert.ok(!send(1));
  assert.ok(send(10, 'ann@example.jp'), 'each user has a share of their own');
});

test('asking is not sending', () => {
  const { rates, send } = keeper({ messagesPerHour: 1 });
  for (let n = 0; n < 5; n++) assert.ok(rates.ask('joe@example.jp', 1, false).isWithin);
  assert.ok(send());
  assert.ok(!rates.ask('joe@example.jp', 1, false).isWithin);
});

test('one who is put off is told when there is room again', () => {
  const { rates, clock, send } = keeper({ messagesPerHour: 2, recipientsPerHour: 100 });
  send();
  clock.ms += 20 * minuteMs;
  send();
  assert.deepEqual(rates.ask('joe@example.jp', 1, true), { isWithin: false, retrySeconds: 40 * 60 });
  assert.deepEqual(rates.ask('joe@example.jp', 101, false), { isWithin: false, retrySeconds: 60 * 60 });
});

test('the log has a line when the limit is met, and no flood behind it', () => {
  const { log, clock, send } = keeper({ messagesPerHour: 2 });
  for (let n = 0; n < 1000; n++) send();
  assert.deepEqual(log, [
    'warning: joe@example.jp has sent 2 messages within an hour and is put off (--rate-messages)',
  ]);
  clock.ms += 11 * minuteMs;
  send();
  assert.equal(
    log[1],
    'warning: joe@example.jp has sent 2 messages within an hour and is put off (--rate-messages), 998 times since the last such line',
  );
});

test('recipients have a line of their own', () => {
  const { log, send } = keeper({ messagesPerHour: 100, recipientsPerHour: 5 });
  send(5);
  send(1);
  assert.deepEqual(log, [
    'warning: joe@example.jp has sent to 5 recipients within an hour and is put off (--rate-recipients)',
  ]);
});

test('users of long ago are forgotten', () => {
  const { rates, clock, send } = keeper({ messagesPerHour: 2 });
  for (let n = 0; n < 10_000; n++) send(1, `u${n}@example.jp`);
  clock.ms += 61 * minuteMs;
  send();
  assert.equal(rates.size, 1);
});

test('what was sent is remembered by another, as long as it counts', () => {
  const before = keeper({ messagesPerHour: 3 });
  before.send(2);
  before.clock.ms += 30 * minuteMs;
  before.send(1, 'ann@example.jp');
  before.send(1);
  const after = keeper({ messagesPerHour: 3 });
  after.clock.ms = before.clock.ms + 5 * minuteMs;
  after.rates.remember(before.rates.sent());
  assert.deepEqual([after.send(), after.send()], [true, false]);
  assert.deepEqual(
    [...after.rates.sent()].map(({ user, messages }) => [user, messages]),
    [
      ['joe@example.jp', 1],
      ['joe@example.jp', 1],
      ['joe@example.jp', 1],
      ['ann@example.jp', 1],
    ],
  );
  const late = keeper({ messagesPerHour: 1 });
  late.clock.ms = before.clock.ms + 61 * minuteMs;
  late.rates.remember(before.rates.sent());
  assert.ok(late.send(), 'of another hour');
  const clockBack = keeper({ messagesPerHour: 1 });
  clockBack.clock.ms = before.clock.ms - 60 * minuteMs;
  clockBack.rates.remember(before.rates.sent());
  assert.ok(clockBack.send(), 'of a clock that was wrong');
});

test('without limits there is nothing to ask', () => {
  assert.ok(!hasRateLimits({ messagesPerHour: 0, recipientsPerHour: 0 }));
  assert.ok(hasRateLimits({ messagesPerHour: 0, recipientsPerHour: 1 }));
});
