// The one login check of all servers: what auth/login.ts decides, behind the gate that keeps guessers off (auth/guessing), wherever the account's files can be read.
//
//   gate           may this attempt be made now? it waits a few seconds, or is put off
//   elsewhere      the files of a domain of another uid are that uid's alone: its process decides
//   login          the decision, with its log line and what a good one leaves behind
//
// What is thrown is trouble of ours and counts for nobody's guess.

import { createHmac } from 'node:crypto';
import { lower } from '../mail/address.js';
import type { Account, Domain } from '../stores/domains/domain.js';
import type { Host } from '../stores/host.js';
import type { AttemptOutcome, LoginGate, Standing } from './guessing/gate.js';
import { type LoggedIn, type LoginRefusal, type LoginResult, login, nameLogin } from './login.js';
import type { LoginService } from './login-service.js';
import type { PasswordChecker } from './password.js';
import { mayBePassword, type Secret, secretText } from './secret.js';

/** Where a client comes from and came to, in ucspi-tcp's form; what servers have as the origin of a connection is one. */
export interface LoginOrigin {
  readonly remoteIp: string | undefined;
  readonly localIp: string | undefined;
  /** Whether the client speaks TLS with a proxy that is trusted. */
  readonly isTlsAtProxy?: boolean;
}

/** One attempt to log in: plain data. */
export interface LoginOrder {
  readonly service: LoginService;
  /** As the client typed it, Latin-1. */
  readonly login: string;
  readonly secret: Secret;
  readonly remoteIp: string | undefined;
  readonly localIp: string | undefined;
  /** What the gate says of who attempts it. */
  readonly standing?: Standing;
}

/** How the process of another uid decides. The account comes without its secrets. */
export type LoginElsewhere = (
  domain: Domain,
  order: LoginOrder,
) => Promise<LoginThere | { readonly ok: false; readonly why: LoginRefusal } | undefined>;

export interface LoginThere extends Omit<LoggedIn, 'domain'> {
  /** Good once, there, for a session of this account. */
  readonly ticket: string;
}

export type LoginOutcome =
  | (LoggedIn & { readonly ticket?: string | undefined })
  | { readonly ok: false; readonly why: LoginRefusal }
  | { readonly ok: false; readonly why: 'put off'; readonly retrySeconds: number };

export interface LoginsOptions {
  readonly host: Host;
  readonly passwords: PasswordChecker;
  readonly gate: LoginGate;
  /** A key of this run of the daemon, the same in all its processes: wrong secrets are compared by a digest with it. */
  readonly key: Buffer;
  /** Whether good logins are logged. */
  readonly logSuccess?: boolean | undefined;
  /** Lets a client relay for a while. Never rejects; without it nobody is let. */
  readonly openRelay?: ((clientIp: string) => Promise<unknown>) | undefined;
  /** Is told of a password whose hash was right. */
  readonly onRightHash?: ((domain: Domain, account: Account, password: string) => void) | undefined;
  /** Gives undefined where this process is the one to decide. @throws TemporaryError */
  readonly elsewhere?: LoginElsewhere | undefined;
}

export class Logins {
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /**
   * Decides one attempt.
   * @throws TemporaryError or CorruptFileError when the host's files cannot answer, Error when the kind of hash cannot be computed here
   */
  async login(order: LoginOrder): Promise<LoginOutcome> {
    const { host, gate } = this.#options;
    const named = nameLogin(host, order.login, order.localIp);
    const account = named === undefined ? lower(order.login) : `${named.user}@${named.domainName}`;
    const admission = await gate.enter({ service: order.service, address: order.remoteIp, account });
    if (!admission.isAdmitted) return { ok: false, why: 'put off', retrySeconds: admission.retrySeconds };
    let outcome: AttemptOutcome = 'undecided';
    try {
      const result = await this.#decide(named?.domain, { ...order, standing: admission.standing });
      outcome = result.ok || result.why === 'access denied' ? 'right' : 'wrong';
      return result;
    } finally {
      admission.over(outcome, outcome === 'wrong' ? this.#fingerprint(account, order.secret) : undefined);
    }
  }

  async #decide(domain: Domain | undefined, order: LoginOrder): Promise<LoginOutcome> {
    const { elsewhere } = this.#options;
    const there = domain === undefined ? undefined : await elsewhere?.(domain, order);
    if (there === undefined) return this.decideHere(order);
    return there.ok && domain !== undefined ? { ...there, domain } : (there as Extract<LoginOutcome, { ok: false }>);
  }

  /** Decides an attempt that has passed the gate, in another process perhaps. @throws as `login` */
  decideHere({ service, login: text, secret, remoteIp, localIp, standing }: LoginOrder): Promise<LoginResult> {
    const { host, passwords, logSuccess, openRelay, onRightHash } = this.#options;
    return login(host, passwords, {
      service,
      login: text,
      secret,
      remoteIp: remoteIp ?? '',
      localIp,
      standing,
      onRightHash,
      logSuccess: logSuccess ?? false,
      ...(openRelay !== undefined && { openRelay }),
    });
  }

  #fingerprint(account: string, secret: Secret): string | undefined {
    if (!mayBePassword(secret)) return undefined;
    const hmac = createHmac('sha256', this.#options.key).update(`${account}\0`, 'latin1');
    return hmac.update(secretText(secret), 'latin1').digest('base64').slice(0, 16);
  }
}

/** An account without its secrets, for another process. */
export function withoutSecrets(account: Account): Account {
  return { ...account, passwd: '', clearPasswd: undefined };
}
