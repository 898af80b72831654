import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Crypt } from '../../src/auth/crypt-library.js';
import { loadHostCrypt } from '../../src/auth/crypt-library.js';
import { scriptCrypt } from '../../src/auth/crypt-script.js';
import {
  hashPassword,
  passwordScheme,
  passwordSchemes,
  randomPassword,
  schemePrefix,
  usualPrefix,
} from '../../src/auth/new-password.js';
import { PasswordChecker } from '../../src/auth/password.js';

const hostCrypt = loadHostCrypt();

describe('new passwords', () => {
  for (const scheme of passwordSchemes) {
    it(`are hashed as ${scheme}, and crypt(3) verifies them`, { skip: hostCrypt === undefined }, async () => {
      assert.ok(hostCrypt);
      const hash = await hashPassword(hostCrypt, 'h\xe9llo', schemePrefix(scheme));
      assert.ok(hash, 'this host makes them');
      const checker = new PasswordChecker(hostCrypt);
      assert.equal(await checker.verify('h\xe9llo', hash, 'example.jp'), true);
      assert.equal(await checker.verify('hello', hash, 'example.jp'), false);
      assert.notEqual(await hashPassword(hostCrypt, 'h\xe9llo', schemePrefix(scheme)), hash, 'a salt of its own');
      if (scheme !== 'des') assert.equal(usualPrefix([hash]), schemePrefix(scheme), 'and are known again');
    });
  }

  it('are hashed in JavaScript alike', async () => {
    const crypt: Crypt = async (password, setting) => scriptCrypt(password, setting);
    for (const scheme of ['md5', 'sha256', 'sha512', 'des'] as const) {
      const hash = (await hashPassword(crypt, 'secret99', schemePrefix(scheme))) ?? '';
      assert.equal(await new PasswordChecker(crypt).verify('secret99', hash, 'example.jp'), true, scheme);
    }
  });

  it('are not made where crypt(3) does not know the scheme', async () => {
    assert.equal(await hashPassword(async () => undefined, 'x', '$6$'), undefined);
    assert.equal(await hashPassword(async () => '$6Rr2JpVYcPe.', 'x', '$6$'), undefined, 'taken for a DES salt');
  });

  it('follow what a domain uses, with its cost', () => {
    const md5 = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
    const sha = `$6$rounds=9000$abcdefgh$${'x'.repeat(86)}`;
    const rows: readonly (readonly [string, readonly string[], string | undefined])[] = [
      ['one scheme', [md5, md5], '$1$'],
      ['most of them', [md5, sha, sha], '$6$rounds=9000$'],
      ['bcrypt with its letter and cost', [`$2b$12$${'x'.repeat(53)}`], '$2b$12$'],
      ['none', [], undefined],
      ['no password, clear text, a locked one', ['', 'nothash', '*', `!${md5}`], undefined],
      ['DES, of which eight characters count', ['abJnggxhB/yWI'], undefined],
      ['what only looks like a hash', ['$1$x$y'], undefined],
    ];
    for (const [why, hashes, prefix] of rows) assert.equal(usualPrefix(hashes), prefix, why);
  });

  it('take schemes by their names', () => {
    const rows = {
      md5: 'md5',
      SHA512: 'sha512',
      '6': 'sha512',
      $6$: 'sha512',
      $2y$: 'bcrypt',
      y: 'yescrypt',
      des: 'des',
    };
    for (const [name, scheme] of Object.entries(rows)) assert.equal(passwordScheme(name), scheme, name);
    for (const name of ['', 'sha', '7', 'constructor']) assert.equal(passwordScheme(name), undefined, name);
  });

  it('are random in length and characters as vpopmail makes them', () => {
    assert.match(randomPassword(2000), /^[a-zA-Z0-9.@!#%*]{2000}$/);
    assert.notEqual(randomPassword(16), randomPassword(16));
    assert.equal(randomPassword(0), '');
    assert.equal(new Set(randomPassword(5000)).size, 68);
  });
});
