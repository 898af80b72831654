// crypt(3) in JavaScript, for hosts whose crypt library cannot be called. It knows what vpopmail's own tools write and what is common beside it:
//
//   $1$salt$          MD5             apache-md5; of the salt eight characters count
//   $5$ $6$           SHA-256, -512   auth/sha-crypt.ts; rounds=N$ may stand before the salt
//   $2a$ $2b$ $2y$    bcrypt          bcryptjs
//   two characters    DES             unix-crypt-td-js; seven bits of eight characters count
//
// A password is bytes. MD5 and DES take them as characters; bcryptjs encodes as UTF-8, so for it the password must be valid UTF-8. What cannot be computed here
// (yescrypt, such a password) is an error and not a wrong password. A call computes without yielding (20 ms for $6$): auth/crypt-worker.ts runs it
// beside the event loop.

import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import { hashSync } from 'bcryptjs';
import { shaCrypt } from './sha-crypt.js';

const require = createRequire(import.meta.url);
const md5Crypt = require('apache-md5') as (password: string, salt: string) => string;
const desCrypt = require('unix-crypt-td-js') as (password: number[], salt: string) => string;

/** libcrypt refuses longer passwords. */
const longestPassword = 511;

/**
 * The hash of a password under the scheme, salt and cost of `setting`; undefined when the setting is none that a crypt(3) knows.
 * @throws Error when the host's library would be needed
 */
export function scriptCrypt(password: Buffer, setting: string): string | undefined {
  if (password.length > longestPassword) return undefined;
  const md5 = /^\$1\$([^$:\n]{0,8})/.exec(setting);
  if (md5 !== null) return md5Crypt(password.toString('latin1'), `$1$${md5[1]}`);
  const sha = /^\$([56])\$(?:rounds=([0-9]+)\$)?([^$:\n]{0,16})/.exec(setting);
  if (sha !== null) return shaHash(password, sha);
  const bcrypt = /^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{22}/.exec(setting);
  if (bcrypt !== null) return bcryptHash(password, bcrypt[0]);
  if (/^[./0-9A-Za-z]{2}/.test(setting)) return desCrypt([...password], setting.slice(0, 2));
  if (/^\$[0-9a-z]+\$/.test(setting)) throw new Error("this kind of hash needs the host's crypt library");
  return undefined;
}

function shaHash(password: Buffer, [, scheme, digits, salt = '']: RegExpExecArray): string | undefined {
  const rounds = digits === undefined ? undefined : Number(digits);
  if (rounds !== undefined && (rounds < 1000 || rounds > 999_999_999)) return undefined;
  return shaCrypt(password, { scheme: scheme === '5' ? '5' : '6', rounds, salt });
}

function bcryptHash(password: Buffer, setting: string): string {
  if (!isUtf8(password)) throw new Error("a password that is not UTF-8 needs the host's crypt library for bcrypt");
  return hashSync(password.toString('utf8'), setting);
}
