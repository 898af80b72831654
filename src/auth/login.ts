// May this client read this mailbox? vchkpw's order and decisions (formats/vpopmail.md 8.2 to 8.4), used by every server:
//
//   login text      lower case; user, then the first of @ % /, then the domain; without a domain VPOPMAIL_DOMAIN, ip_alias_map, etc/defaultdomain
//   account         the domain by users/cdb (an alias domain is its real one), the user by vpasswd.cdb
//   secret          APOP against the clear password where one is stored, else crypt(3)
//   access          the flag word with the domain's limits: NO_POP, NO_IMAP, NO_SMTP; POP3 and IMAP from 127.0.0.1 are webmail and need no NO_WEBMAIL
//   afterwards      a missing account directory is made again; lastauth is written
//
// One log line tells a failure as vchkpw's syslog lines do, for the fail2ban filters that read those: `vchkpw-pop3: password fail test@mailtest.example.jp:192.0.2.1`.
// An unknown user costs the work of a wrong password. Look-ups that fail are thrown: they are no answer. Not copied: an APOP login from 127.0.0.1 works.

import { createHash, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import { describe } from '../errors.js';
import { bytesPath } from '../files/read.js';
import { hasFlag } from '../formats/vpasswd-flags.js';
import { lower } from '../mail/address.js';
import type { Account, Domain } from '../stores/domain.js';
import type { Host } from '../stores/host.js';
import { stampLogin } from '../stores/lastauth.js';
import { makeAccountDirectory } from '../stores/maildir.js';
import type { PasswordChecker } from './password.js';

export type LoginService = 'pop3' | 'pop3s';

export interface LoginRequest {
  readonly service: LoginService;
  /** As the client typed it, Latin-1. */
  readonly login: string;
  readonly secret: { readonly password: string } | { readonly digest: string; readonly timestamp: string };
  readonly remoteIp: string;
  readonly localIp?: string | undefined;
}

/** The account and domain that a login names; the domain is undefined when users/cdb has none. */
export interface NamedLogin {
  readonly user: string;
  readonly domainName: string;
  readonly domain: Domain | undefined;
}

export type LoginRefusal =
  | 'null user name'
  | 'null password'
  | 'invalid characters'
  | 'unknown user'
  | 'no password'
  | 'wrong password'
  | 'access denied';

export type LoginResult =
  | { readonly ok: true; readonly account: Account; readonly domain: Domain }
  | { readonly ok: false; readonly why: LoginRefusal };

const userCharacters = /^[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/;
const domainCharacters = /^[-.0-9A-Za-z]*$/;

/** Takes a login text apart and finds its domain. undefined: it holds characters that no user or domain has. @throws TemporaryError, CorruptFileError */
export function nameLogin(host: Host, login: string, localIp: string | undefined): NamedLogin | undefined {
  const text = lower(login);
  const separator = ['@', '%', '/'].map((mark) => text.indexOf(mark)).find((at) => at >= 0) ?? -1;
  const user = separator < 0 ? text : text.slice(0, separator);
  const given = separator < 0 ? '' : text.slice(separator + 1);
  if (!userCharacters.test(user) || !domainCharacters.test(given)) return undefined;
  const environmentDomain = process.env.VPOPMAIL_DOMAIN;
  const domainName = given === '' ? lower(host.defaultDomain.forLogin({ localIp, environmentDomain })) : given;
  const domain = domainName === '' ? undefined : host.domain(domainName);
  return { user, domainName: domain?.name ?? domainName, domain };
}

/**
 * Decides a login and does what a good one leaves behind.
 * @throws TemporaryError or CorruptFileError when the host's files cannot answer
 */
export async function login(host: Host, passwords: PasswordChecker, request: LoginRequest): Promise<LoginResult> {
  const refuse = (why: LoginRefusal, text: string): LoginResult => {
    host.log.info(`${logName(request)}: ${text}:${request.remoteIp}`);
    return { ok: false, why };
  };
  if (request.login === '') return refuse('null user name', 'null user name given ');
  if ('password' in request.secret && request.secret.password === '')
    return refuse('null password', `null password given ${request.login}`);
  const named = nameLogin(host, request.login, request.localIp);
  if (named === undefined) return refuse('invalid characters', `invalid user/domain characters ${request.login}`);
  const shown = `${named.user}@${named.domainName}`;
  const account = named.domain?.account(named.user);
  if (named.domain === undefined || account === undefined) {
    await passwords.pretend(secretText(request), named.domainName);
    return refuse('unknown user', `vpopmail user not found ${shown}`);
  }
  if (account.passwd === '') return refuse('no password', `user has no password ${shown}`);
  if (!(await isRight(passwords, account, request, named.domain.name)))
    return refuse('wrong password', `password fail ${shown}`);
  const denied = deniedAccess(request, named.domain.flagsOf(account));
  if (denied !== undefined) return refuse('access denied', `${denied} access denied ${shown}`);
  await enter(host, named.domain, account, request.remoteIp);
  return { ok: true, account, domain: named.domain };
}

function secretText({ secret }: LoginRequest): string {
  return 'password' in secret ? secret.password : secret.digest;
}

async function isRight(
  passwords: PasswordChecker,
  account: Account,
  { secret }: LoginRequest,
  domain: string,
): Promise<boolean> {
  if ('password' in secret) return passwords.verify(secret.password, account.passwd, domain);
  if (account.clearPasswd) {
    const right = createHash('md5')
      .update(Buffer.from(secret.timestamp + account.clearPasswd, 'latin1'))
      .digest('hex');
    const given = Buffer.from(secret.digest, 'latin1');
    return given.length === right.length && timingSafeEqual(given, Buffer.from(right, 'latin1'));
  }
  return passwords.pretend(secret.digest, domain);
}

/** Which service is closed to the account; undefined: none that is asked for. */
function deniedAccess(request: LoginRequest, flags: number): 'webmail' | 'pop' | undefined {
  if (isWebmail(request)) return hasFlag(flags, 'NO_WEBMAIL') ? 'webmail' : undefined;
  return hasFlag(flags, 'NO_POP') ? 'pop' : undefined;
}

function isWebmail({ remoteIp }: LoginRequest): boolean {
  return remoteIp === '127.0.0.1';
}

function logName(request: LoginRequest): string {
  return `vchkpw-${isWebmail(request) ? 'webmail' : request.service}`;
}

async function enter(host: Host, domain: Domain, account: Account, remoteIp: string): Promise<void> {
  if (account.directory === '') return;
  const owner = { uid: domain.uid, gid: domain.gid };
  const isThere = fs.statSync(bytesPath(account.directory), { throwIfNoEntry: false }) !== undefined;
  if (!isThere) await makeAccountDirectory(account.directory, domain.directory, owner);
  try {
    stampLogin(account.directory, remoteIp, owner);
  } catch (error) {
    host.log.warning(`lastauth of ${account.name}@${domain.name}: ${describe(error)}`);
  }
}
