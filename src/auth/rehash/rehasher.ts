// Better hashes for old passwords, on the way: when a password was right, its hash is made anew by the scheme that the administrator names, and put in the place of the old one. Off unless
// asked for, since every other program that serves the accounts must be able to verify the new kind.
//
//   what changes     the hash, if it is still the one that was right; every other byte of vpasswd stays
//   when             behind the login, which does not wait for it; the changes of a domain are gathered while it is being written, and it is written a tenth of the time at most
//   not              by a clear password (CRAM-MD5 and its like know no hash); for a DES hash, of which a longer password would be right, too, for other programs of that user
//
// Trouble (the lock is taken, the line would be too long for vpopmail's tools) leaves the old hash, which goes on being right; the next login offers it again.

import { setTimeout as pause } from 'node:timers/promises';
import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Account, Domain } from '../../stores/domains/domain.js';
import { type PasswordScheme, schemeOfHash } from '../new-password.js';
import type { Succession } from './successors.js';

export interface Rehash extends Succession {
  readonly name: string;
}

export interface RehasherOptions {
  readonly scheme: PasswordScheme;
  /** Makes a hash by that scheme; undefined when crypt(3) here does not know it. */
  readonly hash: (password: string) => Promise<string | undefined>;
  /** Tells all processes of the daemon. */
  readonly announce: (successions: readonly Succession[]) => Promise<void>;
  /** Puts them into the domain's vpasswd. @returns how many it has put there @throws TemporaryError and others */
  readonly replace: (domain: Domain, changes: readonly Rehash[]) => Promise<number>;
  readonly log: Log;
  /** How much longer than a write the pause behind it is. */
  readonly pauseFactor?: number;
}

const mostWaiting = 1000;
const defaultPauseFactor = 9;
const quietMs = 60_000;

export class Rehasher {
  readonly #options: RehasherOptions;
  /** By domain; what waits for the next write, by account. */
  readonly #waiting = new Map<string, Map<string, Rehash>>();
  readonly #busy = new Map<string, Promise<void>>();
  #offered = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RehasherOptions) {
    this.#options = options;
  }

  /** Offers a password whose hash was right. Returns at once and never throws. */
  offer(domain: Domain, account: Account, password: string): void {
    const { scheme } = this.#options;
    const present = schemeOfHash(account.passwd);
    if (present === undefined || present === scheme || (present === 'des' && password.length >= 8)) return;
    if (this.#offered >= mostWaiting || this.#waiting.get(domain.name)?.has(account.name)) return;
    this.#offered++;
    void this.#make(domain, account, password)
      .catch((error: unknown) => this.#warn(domain, error))
      .finally(() => this.#offered--);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.#offered > 0 || this.#busy.size > 0) {
      await Promise.all(this.#busy.values());
      await pause(5);
    }
  }

  async #make(domain: Domain, { name, passwd: from }: Account, password: string): Promise<void> {
    const to = await this.#options.hash(password);
    if (to === undefined) return;
    const waiting = this.#waiting.get(domain.name) ?? new Map<string, Rehash>();
    this.#waiting.set(domain.name, waiting.set(name, { name, from, to }));
    if (this.#busy.has(domain.name)) return;
    const written = this.#write(domain).finally(() => this.#busy.delete(domain.name));
    this.#busy.set(domain.name, written);
  }

  async #write(domain: Domain): Promise<void> {
    const { announce, replace, log, scheme, pauseFactor = defaultPauseFactor } = this.#options;
    for (
      let waiting = this.#waiting.get(domain.name);
      waiting !== undefined;
      waiting = this.#waiting.get(domain.name)
    ) {
      this.#waiting.delete(domain.name);
      const changes = [...waiting.values()];
      const startedAt = performance.now();
      try {
        await announce(changes);
        const count = await replace(domain, changes);
        if (count > 0)
          log.info(`rehash: ${count} of ${domain.name} now ${count === 1 ? 'has a' : 'have'} ${scheme} hash`);
      } catch (error) {
        this.#warn(domain, error);
      }
      await pause(pauseFactor * (performance.now() - startedAt));
    }
  }

  #warn(domain: Domain, error: unknown): void {
    if (performance.now() < this.#warnedAt + quietMs) return;
    this.#warnedAt = performance.now();
    this.#options.log.warning(`rehash: ${domain.name}: the old hashes stay: ${describe(error)}`);
  }
}
