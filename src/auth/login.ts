// May this client in? vchkpw's order and decisions (formats/vpopmail.md 8.3, 8.4), used by every server:
//
//   login text    lower case; user, then the first @, else the first %, else the first /, then the domain; without a domain stores/default-domain.ts
//   account       the domain by users/cdb (an alias domain is its real one), the user by vpasswd.cdb
//   secret        auth/secret.ts
//   access        the flag word with the domain's limits (auth/login-service.ts)
//   afterwards    lastauth is written; for POP3 and IMAP the client may relay for a while, unless the flags say NO_RELAY, and a missing account directory is made
//                 again, with a Maildir
//
// Each refusal is one log line, the text that vchkpw gives to syslog, for the fail2ban filters that read those:
//
//   vchkpw-pop3: password fail test@mailtest.example.jp:192.0.2.1
//
// with `#` for every `%`, as vchkpw writes it. A line for a good login is written only where it is asked for (vpopmail's --enable-logging=y): `(PLAIN) login success u@d:ip`.
//
// Whether an account exists shows neither in the answer nor in its time: an unknown user and one without a password cost the work of a wrong password. A
// look-up that fails is thrown; it is no answer. An account without a directory is given one only where the caller can do that, and only after its password was right.

import fs from 'node:fs';
import { describe, errnoOf } from '../errors.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { hasFlag } from '../formats/vpopmail/vpasswd-flags.js';
import { lower } from '../mail/address.js';
import { stampLogin } from '../stores/accounts/lastauth.js';
import type { Account, Domain } from '../stores/domains/domain.js';
import type { Host } from '../stores/host.js';
import { makeAccountDirectory } from '../stores/maildir/maildir.js';
import type { Standing } from './guessing/gate.js';
import { isClosedTo, type LoginService, loginKind, loginLogName } from './login-service.js';
import type { PasswordChecker } from './password.js';
import { checkSecret, mayBePassword, methodName, pretendToCheck, type Secret, secretText } from './secret.js';

export type { LoginService } from './login-service.js';

export interface LoginRequest {
  readonly service: LoginService;
  /** As the client typed it, Latin-1. */
  readonly login: string;
  readonly secret: Secret;
  /** The client's address in ucspi-tcp's form, and the server's own, which may decide the domain. */
  readonly remoteIp: string;
  readonly localIp?: string | undefined;
  /** What is known of who attempts it: who waits for whom is decided by that. */
  readonly standing?: Standing | undefined;
  /** Whether a good login is logged. */
  readonly logSuccess?: boolean;
  /** The word before the colon of log lines, where it is not the service's (a port without a name). */
  readonly logName?: string;
  /** The domain of logins that name none, from the session's environment; that of the process unless given. */
  readonly environmentDomain?: string | undefined;
  /** Is told of a password whose hash was right. */
  readonly onRightHash?: ((domain: Domain, account: Account, password: string) => void) | undefined;
  /** Lets the client relay for a while. Must not reject: trouble with it stops no login. Without it nothing is opened. */
  readonly openRelay?: (clientIp: string) => Promise<unknown>;
  /** Gives an account without a directory one; undefined when that cannot be. */
  readonly giveDirectory?: (domain: Domain, account: Account) => Promise<Account | undefined>;
  /** Whether a missing account directory is made again; true unless given. */
  readonly makeDirectory?: boolean;
}

/** The account and domain that a login names; `domain` is undefined when users/cdb has none. */
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
  | 'access denied'
  | 'no directory';

/** A login that was let in. */
export interface LoggedIn {
  readonly ok: true;
  readonly account: Account;
  readonly domain: Domain;
  /** The account's flag word with the domain's limits (formats/vpopmail/vpasswd-flags.ts). */
  readonly flags: number;
  /** Whether it was the stored clear password that let it in, and not the hash. */
  readonly byClearPassword: boolean;
  /** What a mechanism in which the server proves itself too sends back. */
  readonly serverProof?: string | undefined;
}

export type LoginResult = LoggedIn | { readonly ok: false; readonly why: LoginRefusal };

const userCharacters = /^[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/;
const domainCharacters = /^[-.0-9A-Za-z]*$/;

/** A login text taken apart, in lower case; the domain is '' when it names none. `invalid` is the part with characters that no user or domain has. */
export function splitLogin(login: string): { user: string; domain: string; invalid?: 'user' | 'domain' } {
  const text = lower(login);
  const separator = ['@', '%', '/'].map((mark) => text.indexOf(mark)).find((at) => at >= 0) ?? -1;
  const user = separator < 0 ? text : text.slice(0, separator);
  const domain = separator < 0 ? '' : text.slice(separator + 1);
  if (!userCharacters.test(user)) return { user, domain, invalid: 'user' };
  return domainCharacters.test(domain) ? { user, domain } : { user, domain, invalid: 'domain' };
}

/**
 * Takes a login text apart and finds its domain. undefined: it holds characters that no user or domain has.
 * @throws TemporaryError, CorruptFileError
 */
export function nameLogin(
  host: Host,
  login: string,
  localIp: string | undefined,
  environmentDomain = process.env.VPOPMAIL_DOMAIN,
): NamedLogin | undefined {
  const { user, domain: given, invalid } = splitLogin(login);
  if (invalid !== undefined) return undefined;
  const domainName = given === '' ? lower(host.defaultDomain.forLogin({ localIp, environmentDomain })) : given;
  const domain = domainName === '' ? undefined : host.domain(domainName);
  return { user, domainName: domain?.name ?? domainName, domain };
}

/**
 * Decides a login and does what a good one leaves behind.
 * @throws TemporaryError or CorruptFileError when the host's files cannot answer, Error when the kind of hash cannot be computed here
 */
export async function login(host: Host, passwords: PasswordChecker, request: LoginRequest): Promise<LoginResult> {
  const { remoteIp, secret, standing } = request;
  const log = (text: string): void => {
    const name = request.logName ?? loginLogName(request.service, remoteIp);
    host.log.info(`${name}: ${text}:${remoteIp}`.replaceAll('%', '#'));
  };
  const refuse = (why: LoginRefusal, text: string): LoginResult => {
    log(text);
    return { ok: false, why };
  };
  if (request.login === '') return refuse('null user name', 'null user name given ');
  if (secretText(secret) === '') return refuse('null password', `null password given ${request.login}`);
  const named = nameLogin(host, request.login, request.localIp, request.environmentDomain);
  if (named === undefined) return refuse('invalid characters', `invalid user/domain characters ${request.login}`);

  const { user, domain } = named;
  const shown = `${user}@${named.domainName}`;
  const found = domain?.account(user);
  const isUsable = domain !== undefined && found !== undefined && found.passwd !== '';
  if (!isUsable && mayBePassword(secret))
    await passwords.pretend(secretText(secret), named.domainName, {
      standing,
      neighbour: () => domain?.account('postmaster')?.passwd,
    });
  else if (!isUsable) await pretendToCheck(secret);
  if (domain === undefined || found === undefined) return refuse('unknown user', `vpopmail user not found ${shown}`);
  if (found.passwd === '') return refuse('no password', `user has no password ${shown}`);

  const kind = loginKind(request.service, remoteIp);
  const decision = await checkSecret(secret, found, kind, passwords, standing);
  if (!decision.isRight) return refuse('wrong password', `password fail ${shown}`);
  const flags = domain.flagsOf(found);
  if (isClosedTo(kind, flags)) return refuse('access denied', `${kind} access denied ${shown}`);
  const account = found.directory === '' ? await request.giveDirectory?.(domain, found) : found;
  if (account === undefined) return refuse('no directory', `dir auto create failed ${shown}`);
  stamp(host, domain, account, remoteIp);
  if (kind !== 'smtp') {
    if (!hasFlag(flags, 'NO_RELAY')) await request.openRelay?.(remoteIp);
    if (request.makeDirectory ?? true) await makeMissingDirectory(domain, account);
  }
  if (request.logSuccess) log(`(${methodName(secret)}) login success ${shown}`);
  const { byClearPassword, serverProof } = decision;
  if (!byClearPassword && 'password' in secret) request.onRightHash?.(domain, account, secret.password);
  return { ok: true, account, domain, flags, byClearPassword, serverProof };
}

function stamp(host: Host, domain: Domain, account: Account, remoteIp: string): void {
  try {
    stampLogin(account.directory, remoteIp, domain);
  } catch (error) {
    // Without a directory there is nothing to stamp; it is made later.
    if (errnoOf(error) !== 'ENOENT') host.log.warning(`lastauth of ${account.name}@${domain.name}: ${describe(error)}`);
  }
}

async function makeMissingDirectory(domain: Domain, account: Account): Promise<void> {
  try {
    if (fs.statSync(bytesPath(account.directory), { throwIfNoEntry: false }) === undefined)
      await makeAccountDirectory(account.directory, domain.directory, { uid: domain.uid, gid: domain.gid });
  } catch (error) {
    throw fileTrouble(error);
  }
}
