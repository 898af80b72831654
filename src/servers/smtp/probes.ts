// Callouts: another mail server asks whether a recipient exists, by MAIL and RCPT without a message: Postfix's reject_unverified_recipient as `double-bounce@...` (`double-bounceJQZX@...` with
// address_verify_sender_ttl), Exim and others with the null sender. RCPT answers them, nothing is kept, and the log is told of many at once:
//
//   smtp: 37 address probes, 12 of them refused, from 192.0.2.7 192.0.2.9
//
//   in a session             becomes of its log lines
//   nothing but probes       the first of an address: `connection from`; the following ones of the next hour: none
//   a probe that is refused  none: it counts
//   a message after all      all of them, the held back ones first
//
// A refusal that is our own trouble is logged always.

import type { Log } from '../../log.js';
import { lower, splitAddress } from '../../mail/address.js';

const reportMs = 10 * 60 * 1000;
const rememberMs = 60 * 60 * 1000;
const rememberMost = 1000;
const nameMost = 10;

/** Whether nobody but a mail server that wants to know about recipients, or to bounce, has this sender. */
export function isProbeSender(sender: string): boolean {
  return sender === '' || /^double-bounce[0-9a-z]*$/.test(lower(splitAddress(sender).local));
}

/** The probes of one server. */
export class Probes {
  readonly #log: Log;
  readonly #name: string;
  readonly #lastOf = new Map<string, number>();
  readonly #addresses = new Set<string>();
  #count = 0;
  #refused = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param name what its log lines begin with */
  constructor(log: Log, name: string) {
    this.#log = log;
    this.#name = name;
  }

  /** Whether an address has probed lately. */
  isKnown(address: string): boolean {
    return Date.now() - (this.#lastOf.get(address) ?? 0) < rememberMs;
  }

  /** Counts a probe. */
  add(address: string, isRefused: boolean): void {
    this.#lastOf.delete(address);
    this.#lastOf.set(address, Date.now());
    if (this.#lastOf.size > rememberMost) this.#forgetOldest();
    if (this.#addresses.size < rememberMost) this.#addresses.add(address);
    this.#count++;
    if (isRefused) this.#refused++;
    this.#timer ??= setTimeout(() => this.report(), reportMs).unref();
  }

  /** Logs what has been counted since the last time. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#count === 0) return;
    const [addresses, more] = [[...this.#addresses].slice(0, nameMost), this.#addresses.size - nameMost];
    const probes = this.#count === 1 ? 'address probe' : 'address probes';
    const whose = `${addresses.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
    this.#log.info(`${this.#name}: ${this.#count} ${probes}, ${this.#refused} of them refused, from ${whose}`);
    this.#count = 0;
    this.#refused = 0;
    this.#addresses.clear();
  }

  #forgetOldest(): void {
    for (const oldest of this.#lastOf.keys()) {
      this.#lastOf.delete(oldest);
      return;
    }
  }
}
