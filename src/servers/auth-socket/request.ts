// One request of a front end: an AUTH, the CONTs that belong to it, and the answer that ends it.
//
//   what the exchange says        what the front end is told
//   challenge                     CONT
//   the mechanism's last words    CONT, and an empty CONT comes back; inside OK for a front end that takes them there (final-resp-ok)
//   success                       OK user=<address in its real domain>
//   wrong                         FAIL
//   closed to this service        FAIL user_disabled, with the reason: the password was right
//   malformed                     FAIL invalid_base64, or FAIL where the mechanism is at fault
//   unsupported                   FAIL with the reason
//   put off, temporary            "later", which the connection has to say (servers/auth-socket/connection.ts)

import type { SaslAnswer, SaslExchange, SaslFailure, SaslLogin } from '../../auth/sasl/sasl-login.js';
import type { AuthStart, ServerAnswer } from '../../protocols/dovecot-auth.js';
import { decodeBase64 } from '../../protocols/sasl/exchange.js';
import { clientOf } from './client.js';

/** What a step of a request comes to. `later`: nothing was decided, and the client is to try again. */
export type RequestAnswer = ServerAnswer | { readonly kind: 'later'; readonly id: number };

export class AuthRequest {
  readonly #start: AuthStart;
  readonly #exchange: SaslExchange;

  constructor(start: AuthStart, sasl: SaslLogin) {
    this.#start = start;
    this.#exchange = sasl.exchange(clientOf(start));
  }

  /** Never rejects. */
  async begin(): Promise<RequestAnswer> {
    const { mechanism, initialResponse } = this.#start;
    if (initialResponse === undefined) return this.#answer(await this.#exchange.beginBytes(mechanism, undefined));
    const bytes = decodeBase64(initialResponse);
    if (bytes === undefined) return this.#badBase64('initial');
    return this.#answer(await this.#exchange.beginBytes(mechanism, bytes));
  }

  /** Takes what a CONT brought. Never rejects. */
  async go(response: string): Promise<RequestAnswer> {
    const bytes = decodeBase64(response);
    return bytes === undefined ? this.#badBase64('continued') : this.#answer(await this.#exchange.stepBytes(bytes));
  }

  async #answer(answer: SaslAnswer): Promise<RequestAnswer> {
    const { id, parameters } = this.#start;
    if (answer.kind === 'failure') return this.#failure(answer.why);
    if (answer.kind === 'success') return { kind: 'ok', id, user: answer.login.address };
    const challenge = Buffer.from(answer.base64, 'base64');
    if (!answer.isLast || !parameters.has('final-resp-ok')) return { kind: 'continue', id, challenge };
    const end = await this.#answer(await this.#exchange.stepBytes(Buffer.alloc(0)));
    return end.kind === 'ok' ? { ...end, response: challenge } : end;
  }

  #failure(why: SaslFailure): RequestAnswer {
    const { id } = this.#start;
    switch (why) {
      case 'put off':
      case 'temporary':
        return { kind: 'later', id };
      case 'closed':
        return { kind: 'fail', id, code: 'user_disabled', reason: 'this account may not use this service' };
      case 'unsupported':
        return { kind: 'fail', id, reason: 'Unsupported authentication mechanism' };
      default:
        return { kind: 'fail', id };
    }
  }

  #badBase64(which: 'initial' | 'continued'): RequestAnswer {
    const reason = `Invalid base64 data in ${which} response`;
    return { kind: 'fail', id: this.#start.id, code: 'invalid_base64', reason };
  }
}
