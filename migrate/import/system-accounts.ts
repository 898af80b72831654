// Accounts as other systems list them, as lines that `vadduser --batch` adds (src/formats/vpopmail/account-list.ts). Texts are Latin-1.
//
//   joe:x:1000:1000:Joe Smith,,,:/home/joe:/bin/bash                             passwd(5); the hash of shadow(5) where the password is x
//   joe@example.jp:{SHA512-CRYPT}$6$..:5000:5000::/home/joe::userdb_quota_rule=*:storage=100M    Dovecot's passwd-file
//
// Of passwd only users from uid 1000 on, without nobody. Of a passwd-file the scheme {PLAIN} gives a clear password, those of crypt(3) a hash; without a scheme it is CRYPT, Dovecot's default.

import { schemeOfHash } from '../../src/auth/new-password.js';
import { lineTexts } from '../../src/formats/text-lines.js';
import type { AccountListEntry, AccountListLine } from '../../src/formats/vpopmail/account-list.js';
import { splitAddress } from '../../src/formats/vpopmail/account-list.js';

const firstUser = 1000;
const nobody = 65534;

/** @param shadow the file with the hashes; undefined: they stand in the passwd file itself */
export function* parsePasswd(passwd: Buffer, shadow: Buffer | undefined): Generator<AccountListLine> {
  const hashes = new Map(
    lineTexts(shadow ?? Buffer.alloc(0)).map((line) => {
      const [name = '', hash = ''] = line.split(':');
      return [name, hash] as const;
    }),
  );
  for (const [index, text] of lineTexts(passwd).entries()) {
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    const [name = '', written = '', uid = '', , gecos = ''] = text.split(':');
    if (name === '' || !/^[0-9]+$/.test(uid)) {
      yield {
        line,
        problem: 'is no line of passwd(5), NAME:PASSWORD:UID:GID:GECOS:HOME:SHELL; mend it or take it out',
      };
      continue;
    }
    if (Number(uid) < firstUser || Number(uid) === nobody) continue;
    const hash = written === 'x' ? hashes.get(name) : written;
    const problem = hash === undefined ? `${name}: ${missingHash(shadow)}` : hashProblem(name, hash);
    if (problem !== undefined) yield { line, problem };
    else yield { line, entry: { name, domain: '', secret: { hash: hash ?? '' }, ...fullName(gecos) } };
  }
}

const cryptSchemes = ['CRYPT', 'DES-CRYPT', 'MD5-CRYPT', 'SHA256-CRYPT', 'SHA512-CRYPT', 'BLF-CRYPT'];

export function* parseDovecotUsers(bytes: Buffer): Generator<AccountListLine> {
  for (const [index, text] of lineTexts(bytes).entries()) {
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    const [address = '', written = '', , , gecos = '', , , ...extra] = text.split(':');
    if (address === '' || !text.includes(':')) {
      yield { line, problem: 'is no line of a passwd-file, USER:PASSWORD:UID:GID:GECOS:HOME; mend it or take it out' };
      continue;
    }
    const [, scheme = 'CRYPT', encoding = '', value = ''] = writtenPassword.exec(written) ?? [];
    const secret = secretOf(scheme.toUpperCase(), decoded(value, encoding.toLowerCase()));
    const quota = quotaOf(extra.join(':'));
    const problem =
      secret === undefined
        ? `passwords of the scheme ${scheme} cannot be checked here; give it a new one`
        : secretProblem(secret);
    if (secret === undefined || problem !== undefined) yield { line, problem: `${address}: ${problem}` };
    else if (quota === 'unreadable')
      yield { line, problem: `${address}: its quota_rule cannot be read; mend it or take it out` };
    else yield { line, entry: { ...splitAddress(address), secret, ...fullName(gecos), ...quota } };
  }
}

/** `{SCHEME.ENCODING}password`. */
const writtenPassword = /^(?:\{([A-Za-z0-9-]+)(?:\.([A-Za-z0-9]+))?\})?(.*)$/s;

function decoded(value: string, encoding: string): string {
  if (encoding === 'hex') return Buffer.from(value, 'hex').toString('latin1');
  return encoding === '' ? value : Buffer.from(value, 'base64').toString('latin1');
}

function secretOf(scheme: string, value: string): AccountListEntry['secret'] | undefined {
  if (scheme === 'PLAIN' || scheme === 'CLEARTEXT') return { password: value };
  return cryptSchemes.includes(scheme) ? { hash: value } : undefined;
}

function secretProblem(secret: AccountListEntry['secret']): string | undefined {
  const isEmpty = 'hash' in secret ? /^([!*]|$)/.test(secret.hash) : secret.password === '';
  if (isEmpty) return 'has no password that lets anybody in; give it one, or take it out';
  // crypt(3) may know more of those that name their scheme than are listed here.
  const isHash = !('hash' in secret) || schemeOfHash(secret.hash) !== undefined || /^\$[0-9a-z]+\$/.test(secret.hash);
  return isHash ? undefined : 'its password is no hash of crypt(3); give it a new one';
}

function hashProblem(name: string, hash: string): string | undefined {
  const problem = secretProblem({ hash });
  return problem === undefined ? undefined : `${name}: ${problem}`;
}

function missingHash(shadow: Buffer | undefined): string {
  return shadow === undefined
    ? 'there is no hash; name the file with --shadow'
    : 'has no line in the file of --shadow; add it, or take this one out';
}

function fullName(gecos: string): { readonly gecos?: string } {
  const [name = ''] = gecos.split(',');
  return name === '' ? {} : { gecos: name };
}

const units: Readonly<Record<string, number>> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Of `userdb_quota_rule=*:storage=100M:messages=1000`, as vadduser's -q takes it; storage without a unit is kilobytes, 0 is no limit. */
function quotaOf(extra: string): { readonly quota?: string } | 'unreadable' {
  const rule = /(?:^|\s)(?:userdb_)?quota_rule=\*:(\S+)/.exec(extra)?.[1];
  if (rule === undefined || rule === 'ignore') return {};
  const parts: string[] = [];
  for (const limit of rule.split(':')) {
    const [, kind, number, unit = ''] = /^(storage|bytes|messages)=([0-9]+)([bkmgt]?)$/i.exec(limit) ?? [];
    if (kind === undefined || (kind === 'messages' && unit !== '')) return 'unreadable';
    const factor = units[unit.toUpperCase()] ?? (kind === 'storage' ? 1024 : 1);
    if (Number(number) > 0) parts.push(kind === 'messages' ? `${number}C` : `${Number(number) * factor}S`);
  }
  return parts.length === 0 ? {} : { quota: parts.join(',') };
}
