// Making vpasswd.cdb anew from vpasswd, as vpopmail does within a look-up when the cdb is missing (formats/vpopmail.md 2.6): under FL(.vpasswd.lock), through
// cdb.tmp, mode 0600, given to the domain's owner. Here the look-up itself answers from the text and only asks for the repair.
//
//   vpasswd                                   the new cdb
//   absent                                    is not made
//   lines without a colon                     are left out (vpopmail crashes there)
//   a last line without its newline           is not made: vpopmail would leave that account out, and its mail would bounce
//
// Only root and the owner of the domain's directory repair. A directory whose repair failed is left alone for a minute.

import { describe } from '../../errors.js';
import { statusOf } from '../../files/identity.js';
import { bytesPath } from '../../files/read.js';
import { domainFiles } from '../../layout.js';
import type { Log } from '../../log.js';
import type { DomainPlace } from '../accounts/account-index.js';
import { rebuildIndex } from '../accounts/user-database.js';

const pauseAfterFailureMs = 60_000;

/** Repairs that look-ups asked for, one at a time for each domain. */
export class IndexRepairs {
  readonly #log: Log;
  readonly #running = new Map<string, Promise<void>>();
  readonly #failedAtMs = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Begins the repair of a domain unless it is under way, has just failed or is not ours to do. Never throws. */
  request(place: DomainPlace): void {
    const { directory } = place;
    const failedAt = this.#failedAtMs.get(directory);
    if (this.#running.has(directory) || (failedAt !== undefined && performance.now() < failedAt + pauseAfterFailureMs))
      return;
    const done = this.#repair(place).finally(() => this.#running.delete(directory));
    this.#running.set(directory, done);
  }

  /** Resolves when no repair is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #repair(place: DomainPlace): Promise<void> {
    const cdb = domainFiles.vpasswdCdb(place.directory);
    try {
      const me = process.geteuid?.();
      const owner = statusOf(bytesPath(place.directory))?.uid;
      if (me !== 0 && owner !== BigInt(me ?? -1)) throw new Error(`only root and uid ${owner} may make it`);
      await rebuildIndex(place, { onlyIfMissing: true });
      this.#failedAtMs.delete(place.directory);
      this.#log.info(`${cdb}: was missing, made from vpasswd`);
    } catch (error) {
      if (this.#failedAtMs.size > 1000) this.#failedAtMs.clear();
      this.#failedAtMs.set(place.directory, performance.now());
      this.#log.warning(`${cdb}: is missing and cannot be made from vpasswd: ${describe(error)}`);
    }
  }
}
