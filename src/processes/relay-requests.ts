// Letting clients relay that have logged in, from a process that may not write /etc/tcp: it asks the supervisor, which is root (admin/relay.ts does it), where open-smtp does not
// say that the client may relay already; and the login waits for the answer, so that the client's next step, sending mail, succeeds.
//
//   child  open-relay {request, clientIp}  ->  supervisor        supervisor  relay-open {request}  ->  child
//
// No login waits for ever: a supervisor that does not answer is as good as one that has.

import type { FromChild, ToChild } from './messages.js';
import { tellSupervisor } from './supervised.js';

const patienceMs = 6_000;

/** The requests of one child. */
export class RelayRequests {
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  /** Lets a client relay. Never rejects. */
  open(clientIp: string): Promise<void> {
    return new Promise((resolve) => {
      const request = ++this.#last;
      const timer = setTimeout(() => this.answered(request), patienceMs);
      this.#waiting.set(request, () => {
        clearTimeout(timer);
        resolve();
      });
      tellSupervisor({ type: 'open-relay', request, clientIp });
    });
  }

  answered(request: number): void {
    this.#waiting.get(request)?.();
    this.#waiting.delete(request);
  }
}

/** The supervisor's side. @param send answers the child that asked */
export function answerRelayRequest(
  { request, clientIp }: Extract<FromChild, { type: 'open-relay' }>,
  openRelay: (clientIp: string) => Promise<void>,
  send: (message: ToChild) => void,
): void {
  void openRelay(clientIp).then(() => send({ type: 'relay-open', request }));
}
