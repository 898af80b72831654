// A new account on its way into a domain: checked, its password hashed, its line not yet written. One function for a single account and for a file full of them.

import { type PasswordScheme, passwordScheme } from '../../auth/new-password.js';
import type { DomainLimits } from '../../formats/vpopmail/domain-limits.js';
import type { VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { lower } from '../../mail/address.js';
import type { Domain } from '../../stores/domains/domain.js';
import { giveLimits } from '../../stores/domains/limits-file.js';
import { VpopmailError } from '../vpopmail-error.js';
import {
  checkDirectory,
  checkGecos,
  checkHash,
  checkLengths,
  checkLine,
  checkPassword,
  isDomainName,
  isUserName,
  storedQuota,
} from './account-rules.js';
import type { AccountStyle, Hasher } from './account-style.js';

/** What logs the account in: a clear password ('' : nobody logs in), or a finished hash, with the clear password where it is known. */
export type NewSecret =
  | { readonly password: string; readonly scheme?: string | undefined }
  | { readonly hash: string; readonly clear?: string | undefined };

/** `name` and `domain` in any case; `domain` may be an alias domain. Texts are Latin-1. */
export interface AddUserRequest {
  readonly name: string;
  readonly domain: string;
  readonly secret: NewSecret;
  /** The name unless given. */
  readonly gecos?: string | undefined;
  /** As vadduser's -q; the domain's default unless given. */
  readonly quota?: string | undefined;
  /** The flag word; 0 unless given. */
  readonly gid?: number | undefined;
}

/** Everything of the record but where its directory is. */
export type NewAccount = Omit<VpasswdRecord, 'dir'>;

/** What can be told wrong without looking at the host, in vpopmail's order. @throws VpopmailError */
export function checkRequest(request: AddUserRequest): void {
  const { name, domain, secret, gecos } = request;
  if (gecos !== undefined) checkGecos(gecos);
  checkLengths(name, domain);
  if ('password' in secret) checkPassword(secret.password);
  else checkHash(secret.hash);
  if ('clear' in secret && secret.clear !== undefined) checkPassword(secret.clear);
  if (name.length === 1 || !isUserName(name)) throw new VpopmailError('illegalUsername');
  if (!isDomainName(domain)) throw new VpopmailError('invalidDomainName');
  if (request.quota !== undefined) storedQuota(request.quota);
}

/** Which scheme is asked for; undefined: the domain's own. @throws VpopmailError Crypt failed */
export function schemeOf(secret: NewSecret): PasswordScheme | undefined {
  if (!('password' in secret) || secret.scheme === undefined) return undefined;
  const scheme = passwordScheme(secret.scheme);
  if (scheme === undefined) throw new VpopmailError('cryptFailed', `there is no scheme ${secret.scheme}`);
  return scheme;
}

/**
 * Makes the record, its password hashed.
 * @throws VpopmailError can't read domain limits, Crypt failed
 */
export async function prepareAccount(
  request: AddUserRequest,
  limits: DomainLimits,
  style: AccountStyle,
  hasher: Hasher,
): Promise<NewAccount> {
  const { secret } = request;
  const name = lower(request.name);
  const quota = request.quota === undefined ? defaultQuota(limits) : storedQuota(request.quota);
  let passwd = 'hash' in secret ? secret.hash : '';
  if ('password' in secret && secret.password !== '') passwd = await hasher.hash(secret.password, style.prefix);
  const clear = 'hash' in secret ? (secret.clear ?? '') : secret.password;
  return {
    name,
    passwd,
    uid: '1',
    gid: String((request.gid ?? 0) | 0),
    gecos: request.gecos === undefined || request.gecos === '' ? name : request.gecos,
    quota,
    clearPasswd: style.keepsClear ? clear : undefined,
  };
}

/**
 * The record with its directory, which must not be too long.
 * @param hash the sub-directory, '' for none
 * @throws VpopmailError
 */
export function placedRecord(account: NewAccount, domain: Domain, hash: string, longestLine: number): VpasswdRecord {
  const between = hash === '' ? '' : `${hash.replace(/\/$/, '')}/`;
  const record = { ...account, dir: `${domain.hostDirectory}/${between}${account.name}` };
  checkDirectory(record.dir);
  checkLine(record, longestLine);
  return record;
}

/** The limits that new accounts of a domain get. @throws VpopmailError can't read domain limits: there are none; TemporaryError */
export function limitsOf(domain: Domain): DomainLimits {
  const limits = domain.limits();
  if (limits === undefined) throw new VpopmailError('cannotReadLimits');
  giveLimits(domain);
  return limits;
}

function defaultQuota({ default_quota: size, default_maxmsgcount: count }: DomainLimits): string {
  const parts = [size > 0 ? `${size}S` : '', count > 0 ? `${count}C` : ''].filter((part) => part !== '');
  return parts.length === 0 ? 'NOQUOTA' : storedQuota(parts.join(','));
}
