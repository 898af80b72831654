// Places as session workers and the supervisor have them between them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../../src/log.js';
import { PlaceKeeper } from '../../../src/processes/places/keeper.js';
import { PlaceAnswers, type PlaceMessage, PlaceRequests, partOf } from '../../../src/processes/places/requests.js';
import type { PlaceOfSession } from '../../../src/processes/reception.js';

const client = '192.0.2.1';

/** A supervisor with some workers, connected without a process between them. */
function daemon(t: TestContext, perAddress: number, workers: number, perUser = 1) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const limits = { maxConnections: 1000, maxConnectionsPerAddress: perAddress, unlimited: ['127.0.0.0/8'] };
  const keeper = new PlaceKeeper({ limits, sessionsPerUser: perUser, log: silentLog });
  return Array.from({ length: workers }, () => {
    const told: PlaceMessage[] = [];
    const answers = new PlaceAnswers(keeper, (answer) => requests.answered(answer));
    const requests = new PlaceRequests(partOf(limits, perUser, workers), (message) => {
      told.push(message);
      answers.hear(message);
    });
    return { told, answers, enter: (address = client) => requests.enter('pop3', address) };
  });
}

type Worker = ReturnType<typeof daemon>[number];

function held(place: Awaited<ReturnType<Worker['enter']>>): PlaceOfSession {
  assert.ok(typeof place !== 'string', `${place}`);
  return place;
}

test('a part is let in without asking and told of together; what is over by then is not told of at all', async (t) => {
  const [worker] = daemon(t, 100, 2);
  assert.ok(worker);
  const places = Array.from({ length: 12 }, () => worker.enter());
  for (const place of places) assert.ok(!(place instanceof Promise));
  const [first, ...others] = places;
  assert.ok(first);
  held(await first).ended();
  assert.equal(worker.told.length, 0);
  t.mock.timers.tick(40);
  assert.equal(worker.answers.sessions, 11);
  for (const place of others) held(await place).ended();
  t.mock.timers.tick(40);
  assert.equal(worker.answers.sessions, 0);
  assert.deepEqual(
    worker.told.map((message) => message.type === 'places' && [message.begun.length, message.ended.length]),
    [
      [11, 0],
      [0, 11],
    ],
  );
});

test('beyond its part a worker asks, and the limit holds over all workers', async (t) => {
  const [first, second] = daemon(t, 16, 2);
  assert.ok(first && second);
  const places: PlaceOfSession[] = [];
  for (let n = 0; n < 16; n++) places.push(held(await (n % 2 === 0 ? first : second).enter()));
  const refused = second.enter();
  await Promise.resolve();
  t.mock.timers.tick(100);
  assert.equal(await refused, 'address-full');
  assert.ok(!(second.enter('127.0.0.1') instanceof Promise), 'addresses without a limit are not asked about');

  const waiting = second.enter();
  places[0]?.ended();
  t.mock.timers.tick(40);
  assert.equal(typeof (await waiting), 'object', 'a place that becomes free in the meantime');
});

test('a small limit is always asked about', async (t) => {
  const [first, second] = daemon(t, 2, 2);
  assert.ok(first && second);
  for (const worker of [first, second]) {
    const place = worker.enter();
    assert.ok(place instanceof Promise);
    held(await place);
  }
  const third = first.enter();
  t.mock.timers.tick(100);
  assert.equal(await third, 'address-full');
});

test('a session that nobody has been told of moves to another address, and becomes a user’s', async (t) => {
  const [worker] = daemon(t, 100, 1);
  assert.ok(worker);
  const place = held(await worker.enter());
  assert.equal(await place.moveTo('192.0.2.2'), undefined);
  assert.equal(await place.belongTo('joe@example.jp'), undefined);
  const other = held(await worker.enter());
  assert.equal(await other.belongTo('joe@example.jp'), 'user-full');
  place.ended();
  assert.equal(await other.belongTo('joe@example.jp'), undefined);
});

test('sessions of a user beyond a part are asked about, and counted over all workers', async (t) => {
  const [first, second] = daemon(t, 100, 2, 16);
  assert.ok(first && second);
  const places = await Promise.all(
    Array.from({ length: 17 }, async (_, n) => held(await (n % 2 ? first : second).enter())),
  );
  const answers = places.map((place) => place.belongTo('joe@example.jp'));
  assert.equal(answers.filter((answer) => answer === undefined).length, 4);
  t.mock.timers.tick(40);
  assert.deepEqual((await Promise.all(answers)).filter(Boolean), ['user-full']);
  places[0]?.ended();
  t.mock.timers.tick(40);
  assert.equal(await places[16]?.belongTo('joe@example.jp'), undefined);
});

test('what a worker held is free when it is gone', async (t) => {
  const [first, second] = daemon(t, 2, 2);
  assert.ok(first && second);
  held(await first.enter());
  held(await first.enter());
  first.answers.gone();
  held(await second.enter());
});
