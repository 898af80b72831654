// What is hashed anew, in what order, and what trouble does.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Rehasher, type RehasherOptions } from '../../../src/auth/rehash/rehasher.js';
import { HashSuccessors } from '../../../src/auth/rehash/successors.js';
import { lineLog } from '../../../src/log.js';
import type { Account, Domain } from '../../../src/stores/domains/domain.js';

const md5 = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
const sha512 = `$6$saltsalt$${'x'.repeat(86)}`;
const des = 'abJnggxhB/yWI';
const domain = { name: 'example.jp' } as Domain;
const account = (name: string, passwd = md5): Account => ({ name, domain: domain.name, passwd }) as Account;

function scene(
  _t: TestContext,
  some: Partial<RehasherOptions> = {},
): { rehasher: Rehasher; done: string[]; log: string[] } {
  const [done, log]: string[][] = [[], []];
  const rehasher = new Rehasher({
    scheme: 'sha512',
    hash: async (password) => `$6$new$${password}`,
    announce: async (successions) => void done?.push(`announced ${successions.map(({ to }) => to).join(' ')}`),
    replace: async ({ name }, changes) => {
      done?.push(`${name}: ${changes.map((change) => change.name).join(' ')}`);
      return changes.length;
    },
    log: lineLog((line) => log?.push(line.trimEnd())),
    pauseFactor: 0,
    ...some,
  });
  return { rehasher, done: done ?? [], log: log ?? [] };
}

test('it is announced before it is written, and told', async (t) => {
  const { rehasher, done, log } = scene(t);
  rehasher.offer(domain, account('joe'), 'pw');
  await rehasher.settled();
  assert.deepEqual(done, ['announced $6$new$pw', 'example.jp: joe']);
  assert.deepEqual(log, ['rehash: 1 of example.jp now has a sha512 hash']);
});

const left: readonly (readonly [string, string, string])[] = [
  ['a hash by that scheme', sha512, 'pw'],
  ["one with vpopmail 5.6's word in braces", `{SHA512-CRYPT}${sha512}`, 'pw'],
  ['what is no hash', '*', 'pw'],
  ['a DES hash, of which longer passwords are right too', des, 'eightchr'],
];
for (const [name, passwd, password] of left) {
  test(`left as it is: ${name}`, async (t) => {
    const { rehasher, done } = scene(t);
    rehasher.offer(domain, account('joe', passwd), password);
    await rehasher.settled();
    assert.deepEqual(done, []);
  });
}

test('a DES hash of a shorter password is made anew', async (t) => {
  const { rehasher, done } = scene(t);
  rehasher.offer(domain, account('joe', des), 'seven77');
  await rehasher.settled();
  assert.equal(done.length, 2);
});

test('what comes while a domain is being written is written together, and an account once', async (t) => {
  const gates: Array<() => void> = [];
  const { rehasher, done } = scene(t, { announce: () => new Promise((resolve) => gates.push(resolve)) });
  rehasher.offer(domain, account('a'), 'pw');
  await new Promise((resolve) => setImmediate(resolve));
  for (const name of ['b', 'c', 'b', 'd']) rehasher.offer(domain, account(name), 'pw');
  await new Promise((resolve) => setImmediate(resolve));
  gates[0]?.();
  while (gates.length < 2) await new Promise((resolve) => setImmediate(resolve));
  gates[1]?.();
  await rehasher.settled();
  assert.deepEqual(done, ['example.jp: a', 'example.jp: b c d']);
});

test('trouble leaves the old hashes and is one line a minute; the next login offers it again', async (t) => {
  let isBroken = true;
  const { rehasher, log } = scene(t, {
    replace: async () => {
      if (isBroken) throw new Error('the lock is taken');
      return 1;
    },
  });
  for (const name of ['joe', 'ann']) {
    rehasher.offer(domain, account(name), 'pw');
    await rehasher.settled();
  }
  assert.deepEqual(log, ['warning: rehash: example.jp: the old hashes stay: the lock is taken']);
  isBroken = false;
  rehasher.offer(domain, account('joe'), 'pw');
  await rehasher.settled();
  assert.equal(log.length, 2);
});

test('nothing is written that could not be announced', async (t) => {
  const { rehasher, done } = scene(t, { announce: () => Promise.reject(new Error('no supervisor')) });
  rehasher.offer(domain, account('joe'), 'pw');
  await rehasher.settled();
  assert.deepEqual(done, []);
});

test('successors: the same password, and nothing else', () => {
  const successors = new HashSuccessors();
  successors.note([{ from: 'old', to: 'new' }]);
  assert.ok(successors.isSame('old', 'new') && successors.isSame('other', 'other'));
  assert.ok(!successors.isSame('old', 'other') && !successors.isSame('new', 'old'));
  successors.note(Array.from({ length: 20_000 }, (_, n) => ({ from: `f${n}`, to: `t${n}` })));
  assert.ok(!successors.isSame('old', 'new'), 'bounded');
});
