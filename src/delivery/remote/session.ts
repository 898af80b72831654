// The opening of a session: greeting, EHLO or HELO, STARTTLS, AUTH (RFC 5321 3.1, RFC 3207, RFC 4954; formats/qmail.md 7.3).
//
//   greeting     not 220: not now, even for 5xx. Another MX host may be tried, as may it when the connection ends before the greeting
//   EHLO         a refusal for good (5xx) leads to HELO, as qmail says; then not 250: not now
//   STARTTLS     where offered. Opportunistic: a refused command goes on in clear, a failed handshake, and a connection that ends on it, begins anew in clear, once (attempt.ts); no
//                certificate is looked at.
//                Required, by a word in the route or by control/tlshosts: without it, or with a wrong certificate, not now, and another MX host may be tried
//   AUTH         where the route has a user. Never without TLS, unless the route says `clear`. Failures are temporary: they are ours
//
// Port 465 is TLS from the first byte (RFC 8314), which the caller has begun.

import type { RouteWord, SmtpLogin } from '../../formats/controls/smtp-routes.js';
import { TlsError } from '../../net/dial.js';
import { chooseMechanism, saslExchange } from '../../protocols/sasl-client.js';
import { parseExtensions, type SmtpReply } from '../../protocols/smtp-reply.js';
import { ConnectionDied, type Conversation } from './conversation.js';
import { connectionDied, type MessageReport, told, unwilling } from './reports.js';
import type { TlsPlan } from './tls/tls-plan.js';

export interface SessionOptions {
  readonly heloHost: string;
  readonly tls: TlsPlan;
  readonly login: SmtpLogin | undefined;
  readonly words: ReadonlySet<RouteWord>;
}

/** A session that takes messages. */
export interface Session {
  readonly conversation: Conversation;
  /** What the server offers; empty after HELO, and for a server that answers EHLO with nothing more than 250. */
  readonly extensions: ReadonlyMap<string, string>;
  readonly words: ReadonlySet<RouteWord>;
  /** How many messages it has taken. */
  messages: number;
}

/** The session cannot be had. The connection has been closed. */
export class SessionRefused extends Error {
  readonly report: MessageReport;
  readonly mayTryOther: boolean;
  constructor(report: MessageReport, mayTryOther: boolean) {
    super(report.text);
    this.report = report;
    this.mayTryOther = mayTryOther;
  }
}

/** The handshake of an opportunistic session failed: it may be tried in clear. */
export class OpportunisticTlsFailed extends Error {}

/** @throws SessionRefused, OpportunisticTlsFailed */
export async function openSession(conversation: Conversation, options: SessionOptions): Promise<Session> {
  const opening = new Opening(conversation, options);
  try {
    return await opening.open();
  } catch (error) {
    if (!(error instanceof ConnectionDied)) throw error;
    conversation.abort();
    throw new SessionRefused(connectionDied(conversation.ip, false), !opening.isGreeted);
  }
}

class Opening {
  readonly #conversation: Conversation;
  readonly #options: SessionOptions;
  isGreeted = false;

  constructor(conversation: Conversation, options: SessionOptions) {
    this.#conversation = conversation;
    this.#options = options;
  }

  async open(): Promise<Session> {
    const greeting = await this.#conversation.reply();
    if (greeting.code !== 220) throw this.#refuse('greeting failed', greeting, true);
    this.isGreeted = true;
    let extensions = await this.#hello();
    if (await this.#encrypt(extensions)) extensions = await this.#untilDied(this.#hello());
    if (this.#options.login !== undefined) await this.#authenticate(this.#options.login, extensions);
    return { conversation: this.#conversation, extensions, words: this.#options.words, messages: 0 };
  }

  async #hello(): Promise<ReadonlyMap<string, string>> {
    const extended = await this.#conversation.command(`EHLO ${this.#options.heloHost}`);
    if (extended.code === 250) return parseExtensions(extended);
    const plain = extended.code < 500 ? extended : await this.#conversation.command(`HELO ${this.#options.heloHost}`);
    if (plain.code === 250) return new Map();
    throw this.#refuse('my name was rejected', plain, false);
  }

  /** Whether it is encrypted now, and was not before. */
  async #encrypt(extensions: ReadonlyMap<string, string>): Promise<boolean> {
    const { tls } = this.#options;
    if (this.#conversation.isSecure || tls.mode === 'never') return false;
    if (!extensions.has('STARTTLS')) return this.#withoutTls('it is not offered');
    const reply = await this.#untilDied(this.#conversation.command('STARTTLS'));
    if (reply.code !== 220) return this.#withoutTls(`it was refused: ${firstLine(reply)}`);
    try {
      await this.#conversation.startTls(tls);
      return true;
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      if (tls.mode === 'may') throw new OpportunisticTlsFailed(error.message);
      throw new SessionRefused(tlsRequired(this.#conversation.ip, tls, error.message), true);
    }
  }

  /** A connection that ends at STARTTLS, or at once behind a handshake: so end servers that cannot do what they offer, or that do not like our side of it, in TLS 1.3. */
  async #untilDied<T>(step: Promise<T>): Promise<T> {
    return step.catch((error: unknown) => {
      if (!(error instanceof ConnectionDied) || this.#options.tls.mode !== 'may') throw error;
      this.#conversation.abort();
      throw new OpportunisticTlsFailed(error.message);
    });
  }

  #withoutTls(why: string): false {
    const { tls } = this.#options;
    if (tls.mode === 'may') return false;
    this.#conversation.quit();
    throw new SessionRefused(tlsRequired(this.#conversation.ip, tls, why), true);
  }

  async #authenticate({ user, password }: SmtpLogin, extensions: ReadonlyMap<string, string>): Promise<void> {
    const { isSecure } = this.#conversation;
    if (!isSecure && !this.#options.words.has('clear'))
      throw this.#unwilling('a password is sent with TLS only, unless the route says clear', '4.7.0');
    const mechanism = chooseMechanism(extensions.get('AUTH') ?? '', isSecure);
    if (mechanism === undefined) throw this.#unwilling('no authentication that I know is offered', '4.7.0');
    const { command, answers } = saslExchange(mechanism, user, password);
    let reply = await this.#conversation.command(command);
    for (const answer of answers) {
      if (reply.code !== 334) break;
      reply = await this.#conversation.command(answer(reply.lines[0] ?? ''));
    }
    if (reply.code !== 235) throw this.#refuse(`authentication was rejected (AUTH ${mechanism})`, reply, false);
  }

  #unwilling(why: string, status: string): SessionRefused {
    this.#conversation.quit();
    return new SessionRefused(unwilling('Z', this.#conversation.ip, why, status), false);
  }

  #refuse(what: string, reply: SmtpReply, mayTryOther: boolean): SessionRefused {
    this.#conversation.quit();
    return new SessionRefused(told('Z', 'Connected to ', this.#conversation.ip, ` but ${what}`, reply), mayTryOther);
  }
}

/** The report of a session that had to be encrypted and is not. */
export function tlsRequired(ip: string, { requiredBy }: TlsPlan, why: string): MessageReport {
  const shown = why.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300);
  return unwilling('Z', ip, `TLS, which ${requiredBy ?? 'the route'} requires, was not achieved: ${shown}`, '4.7.5');
}

function firstLine(reply: SmtpReply): string {
  return reply.text.split('\n', 1)[0] ?? '';
}
