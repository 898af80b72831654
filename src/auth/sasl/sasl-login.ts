// Logging in by SASL, for SMTP, POP3, IMAP and the auth socket alike: which mechanisms a client is offered, and one exchange from its beginning to a login or a failure. The bytes of
// the mechanisms are protocols/sasl's, the decision is auth/logins.ts's.
//
//   AUTH PLAIN AGpvZQBwYXNz      begin('PLAIN', 'AGpvZQBwYXNz')    -> success, failure
//   AUTH LOGIN                   begin('LOGIN', undefined)         -> challenge VXNlcm5hbWU6
//   am9l                         step('am9l')                      -> challenge UGFzc3dvcmQ6
//   *                            step('*')                         -> failure: cancelled
//
// Offered is what can succeed, and nothing else is begun:
//
//   PLAIN LOGIN                          over TLS, or from a peer that is trusted: the host itself, and networks that the administrator names
//   CRAM-MD5 DIGEST-MD5 SCRAM-SHA-*      while accounts of this host have clear passwords (auth/clear-passwords.ts)
//   ...-PLUS                             where the connection has channel bindings besides

import { randomBytes } from 'node:crypto';
import { CorruptFileError, describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import type { TrustedPeers } from '../../net/trusted-peers.js';
import {
  decodeBase64,
  decodeInitialResponse,
  type MechanismName,
  type SaslAttempt,
  type SaslMechanism,
  type SaslStep,
} from '../../protocols/sasl/exchange.js';
import { mechanismName, offeredMechanisms, sendsPassword, startMechanism } from '../../protocols/sasl/mechanisms.js';
import type { Host } from '../../stores/host.js';
import { type LoginService, loginKind } from '../login-service.js';
import type { LoginOrigin, LoginOutcome, Logins } from '../logins.js';

/** Who wants to log in, and over what. */
export interface SaslClient {
  readonly service: LoginService;
  readonly origin: LoginOrigin;
  /** Whether the connection is secured by TLS, here. */
  readonly isSecure: boolean;
  /** Gives the channel bindings of the connection by type; undefined, or none: there are none. Asked only where they are needed: to know them costs a tenth of a handshake. */
  readonly channelBindings?: (() => ReadonlyMap<string, Buffer>) | undefined;
}

export type SaslFailure =
  /** The name or the secret is wrong. */
  | 'wrong'
  /** The secret is right, and the account is closed to this service. */
  | 'closed'
  /** Too many wrong ones lately; `retrySeconds` says when to come again. Nothing was looked at. */
  | 'put off'
  /** Trouble of ours, which is in the log. */
  | 'temporary'
  /** What came is not of this mechanism, or no base64. */
  | 'malformed'
  /** There is no such mechanism, or it is not offered to this client. */
  | 'unsupported'
  /** The client sent `*`. */
  | 'cancelled';

export type SaslAnswer =
  /** To be sent. `isLast`: the login is good, and the client has only to take notice, by an empty response. */
  | { readonly kind: 'challenge'; readonly base64: string; readonly isLast: boolean }
  | { readonly kind: 'success'; readonly login: SaslSuccess }
  | { readonly kind: 'failure'; readonly why: SaslFailure; readonly retrySeconds?: number };

export interface SaslSuccess extends Extract<LoginOutcome, { ok: true }> {
  readonly mechanism: MechanismName;
  /** `user@domain`, the real domain, lower case. */
  readonly address: string;
}

/** One exchange. After its end it only says malformed. */
export interface SaslExchange {
  /** @param initial as it came, in base64, `=` for an empty one; undefined: there was none */
  begin(mechanism: string, initial?: string | undefined): Promise<SaslAnswer>;
  /** @param line what the client answered, in base64, or `*` */
  step(line: string): Promise<SaslAnswer>;
  /** The same with bytes, for protocols that carry them in another way. Neither rejects. */
  beginBytes(mechanism: string, initial: Buffer | undefined): Promise<SaslAnswer>;
  stepBytes(bytes: Buffer): Promise<SaslAnswer>;
}

export interface SaslLoginOptions {
  readonly host: Host;
  readonly logins: Logins;
  /** Who may send a password in clear besides the host itself. */
  readonly trusted: TrustedPeers;
  /** Whether the mechanisms are offered that need clear passwords. */
  readonly offersChallenges: () => boolean;
}

export class SaslLogin {
  readonly #options: SaslLoginOptions;

  constructor(options: SaslLoginOptions) {
    this.#options = options;
  }

  /** What this client is offered, in the order in which it is listed; may be empty. */
  mechanisms(client: Omit<SaslClient, 'service'>): readonly MechanismName[] {
    const hasClearPasswords = this.#options.offersChallenges();
    return offeredMechanisms({
      mayPasswordBeSent: this.mayPasswordBeSent(client),
      hasClearPasswords,
      hasChannelBinding: hasClearPasswords && (client.channelBindings?.().size ?? 0) > 0,
    });
  }

  /** Whether nobody can listen, or nobody minds: for POP3's USER, IMAP's LOGIN. */
  mayPasswordBeSent({ isSecure, origin }: Omit<SaslClient, 'service'>): boolean {
    return isSecure || origin.isTlsAtProxy === true || this.isTrusted(origin);
  }

  /** The host itself, as Dovecot counts it (loopback, the same address on both sides, a unix socket), and trusted networks. */
  isTrusted({ remoteIp, localIp }: LoginOrigin): boolean {
    if (remoteIp === undefined || remoteIp === localIp) return true;
    return remoteIp === '::1' || remoteIp.startsWith('127.') || this.#options.trusted.includes(remoteIp);
  }

  /** Begins an exchange with a client. */
  exchange(client: SaslClient): SaslExchange {
    return new Exchange(client, this, this.#options);
  }
}

const failure = (why: SaslFailure): SaslAnswer => ({ kind: 'failure', why });

class Exchange implements SaslExchange {
  readonly #client: SaslClient;
  readonly #sasl: SaslLogin;
  readonly #options: SaslLoginOptions;
  #mechanism: SaslMechanism | undefined;
  #login: Extract<LoginOutcome, { ok: true }> | undefined;

  constructor(client: SaslClient, sasl: SaslLogin, options: SaslLoginOptions) {
    this.#client = client;
    this.#sasl = sasl;
    this.#options = options;
  }

  async begin(mechanism: string, initial?: string): Promise<SaslAnswer> {
    const bytes = initial === undefined ? undefined : decodeInitialResponse(initial);
    if (this.#offered(mechanism) === undefined) return failure('unsupported');
    if (initial !== undefined && bytes === undefined) return failure('malformed');
    return this.beginBytes(mechanism, bytes);
  }

  async step(line: string): Promise<SaslAnswer> {
    const bytes = line === '*' ? undefined : decodeBase64(line);
    if (bytes !== undefined) return this.stepBytes(bytes);
    this.#mechanism = undefined;
    return failure(line === '*' ? 'cancelled' : 'malformed');
  }

  async beginBytes(mechanism: string, initial: Buffer | undefined): Promise<SaslAnswer> {
    const name = this.#offered(mechanism);
    if (name === undefined) return failure('unsupported');
    try {
      this.#mechanism = startMechanism(name, this.#context(name));
    } catch (error) {
      return this.#trouble(error);
    }
    return this.#take(this.#mechanism.begin(initial));
  }

  async stepBytes(bytes: Buffer): Promise<SaslAnswer> {
    return this.#mechanism === undefined ? failure('malformed') : this.#take(this.#mechanism.answer(bytes));
  }

  #offered(mechanism: string): MechanismName | undefined {
    const name = mechanismName(mechanism);
    return name !== undefined && this.#sasl.mechanisms(this.#client).includes(name) ? name : undefined;
  }

  #context(name: MechanismName): Parameters<typeof startMechanism>[1] {
    const kind = loginKind(this.#client.service, '');
    return {
      nonce: sendsPassword(name) ? '' : randomBytes(18).toString('base64url'),
      host: this.#options.host.control.me() ?? 'localhost',
      unixSeconds: Math.floor(Date.now() / 1000),
      service: kind === 'webmail' ? undefined : kind,
      channelBindings: sendsPassword(name) ? undefined : this.#client.channelBindings?.(),
    };
  }

  async #take(step: SaslStep): Promise<SaslAnswer> {
    switch (step.kind) {
      case 'say':
        return { kind: 'challenge', base64: step.bytes.toString('base64'), isLast: step.isLast ?? false };
      case 'check':
        return this.#check(step.attempt);
      case 'success':
        return this.#success();
      case 'failure':
        this.#tellRefusal(step.reason);
        this.#mechanism = undefined;
        return failure(step.why === 'refused' ? 'wrong' : 'malformed');
    }
  }

  /** What vchkpw has no words for: nothing was compared. */
  #tellRefusal(reason: string | undefined): void {
    if (reason === undefined) return;
    const { service, origin } = this.#client;
    const who = origin.remoteIp ?? 'unix';
    this.#options.host.log.info(`${service}: ${this.#mechanism?.name} from ${who} refused: ${reason}`);
  }

  async #check({ login, proof }: SaslAttempt): Promise<SaslAnswer> {
    const { service, origin } = this.#client;
    const mechanism = this.#mechanism;
    try {
      const { remoteIp, localIp } = origin;
      const outcome = await this.#options.logins.login({ service, login, secret: proof, remoteIp, localIp });
      if (outcome.ok) {
        this.#login = outcome;
        const { serverProof } = outcome;
        const next = mechanism?.decided({ ok: true, ...(serverProof !== undefined && { serverProof }) });
        return next === undefined ? failure('malformed') : this.#take(next);
      }
      this.#mechanism = undefined;
      if (outcome.why === 'put off') return { kind: 'failure', why: 'put off', retrySeconds: outcome.retrySeconds };
      return failure(outcome.why === 'access denied' ? 'closed' : 'wrong');
    } catch (error) {
      return this.#trouble(error);
    }
  }

  #success(): SaslAnswer {
    const [login, mechanism] = [this.#login, this.#mechanism];
    this.#mechanism = undefined;
    if (login === undefined || mechanism === undefined) return failure('malformed');
    const address = `${login.account.name}@${login.account.domain}`;
    return { kind: 'success', login: { ...login, mechanism: mechanism.name, address } };
  }

  #trouble(error: unknown): SaslAnswer {
    this.#mechanism = undefined;
    const { log } = this.#options.host;
    const isKnown =
      errnoOf(error) !== undefined ||
      [TemporaryError, CorruptFileError, PermanentError].some((kind) => error instanceof kind);
    const text = `${this.#client.service}: ${this.#client.origin.remoteIp ?? 'unix'}: `;
    if (isKnown) log.warning(text + describe(error));
    else log.alert(text + (error instanceof Error ? error.stack : String(error)));
    return failure('temporary');
  }
}
