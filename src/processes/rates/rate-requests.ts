// How much users have sent (servers/smtp/submission/user-rates.ts), asked by session workers of the supervisor, which counts for all of them.
//
//   worker  rate {request, user, recipients, isSent}   ->  supervisor       supervisor  rated {request, answer}  ->  worker
//
// A supervisor that does not answer lets nobody wait for ever: the message is put off.

import type { RateAnswer, UserRates } from '../../servers/smtp/submission/user-rates.js';
import type { FromChild, ToChild } from '../messages.js';
import { tellSupervisor } from '../supervised.js';

const patienceMs = 8_000;

/** The numbers as a worker sees them. */
export class RateRequests implements UserRates {
  readonly #waiting = new Map<number, (answer: RateAnswer) => void>();
  #last = 0;

  /** Never rejects. */
  ask(user: string, recipients: number, isSent: boolean): Promise<RateAnswer> {
    return new Promise((resolve) => {
      const request = ++this.#last;
      const settle = (answer: RateAnswer): void => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        resolve(answer);
      };
      const timer = setTimeout(() => settle({ isWithin: false, retrySeconds: 60 }), patienceMs);
      this.#waiting.set(request, settle);
      tellSupervisor({ type: 'rate', request, user, recipients, isSent });
    });
  }

  answered({ request, answer }: Extract<ToChild, { type: 'rated' }>): void {
    this.#waiting.get(request)?.(answer);
  }
}

/** The supervisor's side. @param send answers the worker that asked */
export async function answerRateRequest(
  { request, user, recipients, isSent }: Extract<FromChild, { type: 'rate' }>,
  rates: UserRates,
  send: (message: ToChild) => void,
): Promise<void> {
  send({ type: 'rated', request, answer: await rates.ask(user, recipients, isSent) });
}
