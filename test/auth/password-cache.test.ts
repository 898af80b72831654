// Passwords that are not computed again, and who waits for whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Crypt } from '../../src/auth/crypt-library.js';
import { CryptQueue } from '../../src/auth/crypt-queue.js';
import type { Standing } from '../../src/auth/guessing/gate.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { PasswordCache } from '../../src/auth/password-cache.js';

const domain = 'example.jp';
const account = 'joe';

/** A crypt for which a password's hash is `$6$` and itself; and how often it was called. */
function counting(): { readonly crypt: Crypt; calls: number } {
  const counted = {
    calls: 0,
    crypt: async (password: Buffer): Promise<string> => {
      counted.calls++;
      return `$6$${password.toString('latin1')}`;
    },
  };
  return counted;
}

test('a right password is computed once, a wrong one every time', async () => {
  const counted = counting();
  const passwords = new PasswordChecker(counted.crypt, { keepMs: 60_000 });
  for (let n = 0; n < 3; n++) assert.equal(await passwords.verify('right', '$6$right', domain, { account }), true);
  assert.equal(counted.calls, 1);
  for (let n = 0; n < 3; n++) assert.equal(await passwords.verify('wrong', '$6$right', domain, { account }), false);
  assert.equal(counted.calls, 4);
});

test('another hash, account, domain or password is another question', async () => {
  const counted = counting();
  const passwords = new PasswordChecker(counted.crypt, { keepMs: 60_000 });
  await passwords.verify('right', '$6$right', domain, { account });
  assert.equal(await passwords.verify('right', '$6$changed', domain, { account }), false, 'the password was changed');
  await passwords.verify('right', '$6$right', domain, { account: 'ann' });
  await passwords.verify('right', '$6$right', 'other.example', { account });
  await passwords.verify('right', '{SHA512-CRYPT}$6$right', domain, { account });
  assert.equal(counted.calls, 5);
});

test('at the same time it is computed once', async () => {
  const counted = counting();
  const passwords = new PasswordChecker(counted.crypt, { keepMs: 60_000 });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => passwords.verify('right', '$6$right', domain, { account })),
  );
  assert.deepEqual(new Set(answers), new Set([true]));
  assert.equal(counted.calls, 1);
});

test('trouble is not kept, nor is anything without a time to keep it', async () => {
  let isBroken = true;
  const crypt: Crypt = async () => {
    if (isBroken) throw new Error('no library');
    return '$6$right';
  };
  const passwords = new PasswordChecker(crypt, { keepMs: 60_000 });
  await assert.rejects(passwords.verify('right', '$6$right', domain, { account }), /no library/);
  isBroken = false;
  assert.equal(await passwords.verify('right', '$6$right', domain, { account }), true);
  const counted = counting();
  const without = new PasswordChecker(counted.crypt);
  for (let n = 0; n < 2; n++) await without.verify('right', '$6$right', domain, { account });
  assert.equal(counted.calls, 2);
});

test('what is kept ends, and is no more than so many', async () => {
  const cache = new PasswordCache({ keepMs: 30, most: 2 });
  let calls = 0;
  const ask = (name: string): Promise<boolean> => cache.check(name, 'hash', 'password', async () => ++calls > 0);
  await ask('a');
  await ask('a');
  assert.equal(calls, 1);
  await pause(40);
  await ask('a');
  assert.equal(calls, 2);
  await ask('b');
  await ask('c');
  await ask('a');
  assert.equal(calls, 5, 'the oldest of three was forgotten');
});

test('who is known is served first, and those behind are not left out', async () => {
  const served: string[] = [];
  const queue = new CryptQueue(async (password) => {
    await pause(1);
    served.push(password.toString());
    return undefined;
  }, 1);
  const run = (name: string, standing: Standing): Promise<unknown> => queue.run(Buffer.from(name), '', standing);
  const first = run('first', 'suspect');
  const suspects = Array.from({ length: 20 }, (_, n) => run(`suspect${n}`, 'suspect'));
  const clean = run('clean', 'clean');
  const known = run('known', 'known');
  await Promise.all([first, known, clean, ...suspects]);
  assert.deepEqual(served.slice(0, 4), ['first', 'known', 'clean', 'suspect0']);
  served.length = 0;
  const flood = Array.from({ length: 40 }, (_, n) => run(`known${n}`, 'known'));
  await Promise.all([...flood, run('suspect', 'suspect')]);
  assert.ok(served.indexOf('suspect') <= 10, served.join(' '));
});
