// Tickets for sessions that go on in another process than the one in which the client logged in: the process of an owner has checked the login, and hands out a ticket for it; whoever brings
// the ticket, a moment later and once, gets a session of that account. So a process that was taken over opens no mailbox whose password it has not seen.

import { randomBytes } from 'node:crypto';
import type { LoggedIn } from './login.js';
import type { HashSuccessors } from './rehash/successors.js';

const goodForMs = 60_000;
const most = 10_000;

export class LoginTickets {
  readonly #successors: HashSuccessors | undefined;
  readonly #byTicket = new Map<string, { readonly login: LoggedIn; readonly untilMs: number }>();

  /** @param successors hashes that took the place of others with the same password */
  constructor(successors?: HashSuccessors) {
    this.#successors = successors;
  }

  issue(login: LoggedIn): string {
    const nowMs = performance.now();
    for (const [ticket, { untilMs }] of this.#byTicket) {
      if (untilMs > nowMs && this.#byTicket.size < most) break;
      this.#byTicket.delete(ticket);
    }
    const ticket = randomBytes(24).toString('base64url');
    this.#byTicket.set(ticket, { login, untilMs: nowMs + goodForMs });
    return ticket;
  }

  /**
   * The login that a ticket is for; undefined when it is not, or not any more.
   * @throws TemporaryError or CorruptFileError when the account cannot be looked at
   */
  redeem(ticket: string): LoggedIn | undefined {
    const issued = this.#byTicket.get(ticket);
    this.#byTicket.delete(ticket);
    if (issued === undefined || issued.untilMs < performance.now()) return undefined;
    const { account, domain } = issued.login;
    const now = domain.account(account.name)?.passwd;
    if (now === undefined) return undefined;
    const isSame = this.#successors?.isSame(account.passwd, now) ?? now === account.passwd;
    return isSame ? issued.login : undefined;
  }
}
