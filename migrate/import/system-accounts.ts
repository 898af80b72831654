// Accounts as other systems list them, as lines that `vadduser --batch` adds (src/formats/vpopmail/account-list.ts). Texts are Latin-1.
//
//   joe:x:1000:1000:Joe Smith,,,:/home/joe:/bin/bash                             passwd(5); the hash of shadow(5) where the password is x
//   joe@example.jp:{SHA512-CRYPT}$6$..:5000:5000::/home/joe::userdb_quota_rule=*:storage=100M    Dovecot's passwd-file
//
// Of passwd only users from uid 1000 on, without nobody. Of a passwd-file the scheme {PLAIN} gives a clear password, those of crypt(3) a hash; without a scheme it is CRYPT, Dovecot's default.

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
    if (!/^[0-9]+$/.test(uid)) {
      yield { line, problem: 'is no line of passwd(5)' };
      continue;
    }
    if (Number(uid) < firstUser || Number(uid) === nobody) continue;
    const hash = written === 'x' ? (hashes.get(name) ?? '') : written;
    const problem = hash === '' ? `${name}: there is no hash; name the file with --shadow` : lockedProblem(name, hash);
    if (problem !== undefined) yield { line, problem };
    else yield { line, entry: { name, domain: '', secret: { hash }, ...fullName(gecos) } };
  }
}

const cryptSchemes = ['CRYPT', 'DES-CRYPT', 'MD5-CRYPT', 'SHA256-CRYPT', 'SHA512-CRYPT', 'BLF-CRYPT'];

export function* parseDovecotUsers(bytes: Buffer): Generator<AccountListLine> {
  for (const [index, text] of lineTexts(bytes).entries()) {
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    const [address = '', written = '', , , gecos = '', , , ...extra] = text.split(':');
    const [, scheme = 'CRYPT', value = ''] = /^(?:\{([A-Za-z0-9-]+)(?:\.[A-Za-z0-9]+)?\})?(.*)$/s.exec(written) ?? [];
    const secret = secretOf(scheme.toUpperCase(), value);
    const problem =
      secret === undefined
        ? `${address}: passwords of the scheme ${scheme} cannot be checked here; give it a new one`
        : 'hash' in secret
          ? lockedProblem(address, secret.hash)
          : undefined;
    if (secret === undefined || problem !== undefined) yield { line, problem: problem ?? '' };
    else yield { line, entry: { ...splitAddress(address), secret, ...fullName(gecos), ...quotaOf(extra.join(':')) } };
  }
}

function secretOf(scheme: string, value: string): AccountListEntry['secret'] | undefined {
  if (scheme === 'PLAIN' || scheme === 'CLEARTEXT') return { password: value };
  return cryptSchemes.includes(scheme) ? { hash: value } : undefined;
}

function lockedProblem(name: string, hash: string): string | undefined {
  return /^[!*]/.test(hash) || hash === '' ? `${name}: has no password that lets anybody in` : undefined;
}

function fullName(gecos: string): { readonly gecos?: string } {
  const [name = ''] = gecos.split(',');
  return name === '' ? {} : { gecos: name };
}

/** Of `userdb_quota_rule=*:storage=100M:messages=1000`, as vadduser's -q takes it; storage without a unit is kilobytes. */
function quotaOf(extra: string): { readonly quota?: string } {
  const rule = /(?:^|\s)(?:userdb_)?quota_rule=\*:(\S+)/.exec(extra)?.[1];
  if (rule === undefined) return {};
  const [, limit = '', size, unit = ''] = /(?:^|:)(storage|bytes)=([0-9]+)([kKMG]?)/.exec(rule) ?? [];
  const factor = { k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit] ?? (limit === 'storage' ? 1024 : 1);
  const [, messages] = /(?:^|:)messages=([0-9]+)/.exec(rule) ?? [];
  const parts = [
    ...(size === undefined ? [] : [`${Number(size) * factor}S`]),
    ...(messages === undefined ? [] : [`${messages}C`]),
  ];
  return parts.length === 0 ? {} : { quota: parts.join(',') };
}
