import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Crypt, loadHostCrypt } from '../../src/auth/crypt-library.js';
import { scriptCrypt } from '../../src/auth/crypt-script.js';
import { scriptCryptInThread } from '../../src/auth/crypt-worker.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { parseVpasswd, vpasswdRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { contentOf, loadRecording } from '../support/recording.js';

const host = loadHostCrypt();
const domain = 'example.jp';

/** The hashes that the recorded logins went against; the password of most is known99. */
const recorded = ((): { name: string; passwd: string }[] => {
  const { before } = loadRecording('vpopmail', 'login-hashes');
  const entry = before['/home/vpopmail/domains/example.jp/vpasswd'];
  assert.ok(entry);
  return vpasswdRecords(parseVpasswd(contentOf(entry)));
})();

/** What `known99` matches; all others match nothing. */
const matching = [
  ...['md5', 'des', 'sha256', 'sha512', 'bcrypty', 'bcryptb', 'bcrypta', 'yescrypt', 'sha512rounds', 'differ', 'seven'],
];

test('libcrypt can be called on this machine', { skip: process.platform !== 'linux' }, () => {
  assert.ok(host);
});

for (const { name, passwd } of recorded) {
  test(`recorded hash ${name}`, async () => {
    const passwords = new PasswordChecker();
    assert.equal(await passwords.verify('known99', passwd, domain), matching.includes(name));
    assert.equal(await passwords.verify('wrong', passwd, domain), false);
    assert.equal(await passwords.verify('', passwd, domain), false);
  });

  test(`recorded hash ${name}, in JavaScript as by libcrypt`, { skip: host === undefined }, async () => {
    for (const password of ['known99', 'wrong', 'eightchrs', 'p\xe4ss w\xf6rd', 'x'.repeat(72)]) {
      const bytes = Buffer.from(password, 'latin1');
      if (name === 'yescrypt' || (name.startsWith('bcrypt') && password.includes('\xe4')))
        assert.throws(() => scriptCrypt(bytes, passwd), /needs the host's crypt library/);
      else assert.equal(scriptCrypt(bytes, passwd), await host?.(bytes, passwd), password);
    }
  });
}

test('every password and salt gives the hash that libcrypt gives', { skip: host === undefined }, async () => {
  const salt = fc.stringMatching(/^[./0-9A-Za-z]{1,8}$/);
  const setting = fc.oneof(
    salt.map((text) => `$1$${text}$`),
    fc.tuple(fc.constantFrom('5', '6'), salt).map(([kind, text]) => `$${kind}$rounds=1000$${text}$`),
    fc.stringMatching(/^[./0-9A-Za-z]{2}$/),
  );
  const password = fc.uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 130 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(password, setting, async (bytes, text) => {
      assert.equal(scriptCrypt(bytes, text), await host?.(bytes, text));
    }),
    { numRuns: 150 },
  );
});

const uncompiled = import.meta.url.endsWith('.ts') && 'a thread starts from the compiled file';

test('the thread computes what the function does, one or many at once', { skip: uncompiled }, async () => {
  const crypt = scriptCryptInThread();
  const hash = '$6$saltsalt$Fp5z/kpnTT5Z0lkrzlmKPc4nmDdJ.JwspY0XB1nNbjOn1fdeNmt/MfPJRrHMFMgvk3zPh4qsNx1YGdJ2Xs5rJ.';
  assert.equal(await crypt(Buffer.from('known99'), hash), hash);
  const many = await Promise.all(['a', 'b', 'known99'].map((text) => crypt(Buffer.from(text), hash)));
  assert.deepEqual(
    many.map((computed) => computed === hash),
    [false, false, true],
  );
  await assert.rejects(crypt(Buffer.from('x'), '$y$j9T$abcdefgh$'), /needs the host's crypt library/);
  assert.equal(await new PasswordChecker(crypt).verify('known99', '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0', domain), true);
});

const md5 = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
const bytesPassword = 'caf\xe9 \xff\xfe';

const rows: readonly { stored: string; password: string; matches: boolean; why: string }[] = [
  { stored: md5, password: 'known99\0', matches: false, why: 'a NUL byte, behind which the C library does not look' },
  { stored: md5, password: 'known99\0other', matches: false, why: 'the same with more behind it' },
  { stored: `{MD5-CRYPT}${md5}`, password: 'known99', matches: true, why: 'vpopmail 5.6 takes the scheme off' },
  { stored: '{PLAIN}known99', password: 'known99', matches: false, why: 'no clear text is ever a hash' },
  { stored: `${md5}x`, password: 'known99', matches: false, why: 'one character more' },
  { stored: md5.slice(0, -1), password: 'known99', matches: false, why: 'one character less' },
  { stored: '*0', password: 'x', matches: false, why: "crypt's own word for failure" },
  { stored: '*1', password: 'x', matches: false, why: 'the other word' },
  { stored: '$', password: 'x', matches: false, why: 'not a setting' },
  { stored: '$1$', password: '', matches: false, why: 'an empty password' },
  { stored: 'x', password: 'x', matches: false, why: 'shorter than any salt' },
  { stored: '\0', password: 'x', matches: false, why: 'a hash that ends before it begins' },
  { stored: md5, password: 'k'.repeat(5000), matches: false, why: 'longer than libcrypt takes' },
];

for (const { stored, password, matches, why } of rows) {
  test(`${JSON.stringify(stored)} with ${JSON.stringify(password.slice(0, 20))}: ${why}`, async () => {
    assert.equal(await new PasswordChecker().verify(password, stored, domain), matches);
    assert.equal(
      await new PasswordChecker(async (...it) => scriptCrypt(...it)).verify(password, stored, domain),
      matches,
    );
  });
}

test('a password is bytes, whatever they mean', { skip: host === undefined }, async () => {
  for (const setting of ['$1$saltsalt', '$6$saltsalt', '$2y$04$abcdefghijklmnopqrstuu', 'ab']) {
    const hash = await host?.(Buffer.from(bytesPassword, 'latin1'), setting);
    assert.ok(hash);
    assert.equal(await new PasswordChecker().verify(bytesPassword, hash, domain), true, setting);
    assert.equal(await new PasswordChecker().verify(bytesPassword.slice(0, -1), hash, domain), false, setting);
  }
});

test('more logins at once than may be computed at once are all answered', async () => {
  const passwords = new PasswordChecker();
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => passwords.verify(index % 2 === 0 ? 'known99' : 'wrong', md5, domain)),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 200 }, (_, index) => index % 2 === 0),
  );
});

/** A crypt that notes with which settings it was called. */
function noting(): { calls: string[]; crypt: Crypt } {
  const calls: string[] = [];
  const crypt: Crypt = async (_password, setting) => {
    calls.push(setting);
    return undefined;
  };
  return { calls, crypt };
}

test('a name that does not exist costs one call with the kind of hash of its neighbours', async () => {
  const { calls, crypt } = noting();
  const passwords = new PasswordChecker(crypt);
  await passwords.pretend('x', 'unknown.example');
  await passwords.pretend('x', domain, { neighbour: () => '$6$aa$bb' });
  await passwords.verify('x', '$5$cc$dd', domain);
  await passwords.pretend('x', domain, { neighbour: () => '$6$aa$bb' });
  await passwords.pretend('x', 'unknown.example');
  assert.deepEqual(
    calls.map((setting) => setting.slice(0, 3)),
    ['$1$', '$6$', '$5$', '$5$', '$5$'],
  );
});

test('a hash that cannot be computed is trouble, not a wrong password; for a name that does not exist it is nothing', async () => {
  const passwords = new PasswordChecker(() => Promise.reject(new Error('no library')));
  await assert.rejects(passwords.verify('x', '$y$j9T$a$b', domain), /no library/);
  assert.equal(await passwords.pretend('x', domain), false);
});
