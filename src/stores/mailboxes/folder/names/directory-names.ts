// The names in new/ and cur/ of one mailbox: when they must be read, and how they differ from the messages that are known.
//
// Others rename files while the directories are read. What is not seen once may have been renamed meanwhile; what is not seen twice, or not by an exact look, is gone.

import { setTimeout as pause } from 'node:timers/promises';
import { racyMs } from '../../../../files/identity.js';
import { nextUniqueName } from '../../../maildir/maildir-message.js';
import { messageNames } from '../../../maildir/message-list.js';
import type { MessageTable } from '../message-table.js';
import { type MailboxPlace, makeParts } from '../place.js';
import { DirectoryLook } from './directory-look.js';
import { resolveDoubles } from './doubles.js';
import { type Comparison, compareNames, type ReadNames } from './name-comparison.js';

/** Looks at a directory that others change all the time. */
const looks = 5;

export interface DirectoryParts {
  /** new/ */
  readonly fresh?: boolean;
  /** cur/ */
  readonly seen?: boolean;
}

/** All but `changing` and the getters throw TemporaryError or the system error. */
export class DirectoryNames {
  readonly #place: MailboxPlace;
  readonly #table: MessageTable;
  readonly #uidOf: (base: string) => number | undefined;
  readonly #fresh: DirectoryLook;
  readonly #seen: DirectoryLook;
  #isExact = false;

  /** @param uidOf the UID that is recorded for a base */
  constructor(place: MailboxPlace, table: MessageTable, uidOf: (base: string) => number | undefined) {
    this.#place = place;
    this.#table = table;
    this.#uidOf = uidOf;
    this.#fresh = new DirectoryLook(place.directory, 'new');
    this.#seen = new DirectoryLook(place.directory, 'cur');
  }

  /** Whether the last look has seen every file that there is. */
  get isExact(): boolean {
    return this.#isExact;
  }

  /** When a look is needed although nothing tells of a change. */
  get recheckAtMs(): number | undefined {
    const times = [this.#fresh.recheckAtMs, this.#seen.recheckAtMs].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Whether names may be others than those that were read. Two stats. */
  isStale(): boolean {
    const nowMs = Date.now();
    return this.#fresh.state(nowMs) !== 'known' || this.#seen.state(nowMs) !== 'known';
  }

  /** The names must be read again: a file was not where it was known to be. */
  forget({ fresh, seen }: DirectoryParts = { fresh: true, seen: true }): void {
    if (fresh) this.#fresh.forget();
    if (seen) this.#seen.forget();
  }

  /** The same, where our last change may have hidden one of others. */
  forgetIfSuspect(): void {
    for (const look of [this.#fresh, this.#seen]) look.forgetIfSuspect();
  }

  /**
   * Renames or removes files, under the lock, so that our own look at the directories goes on to be right.
   * @throws what `act` throws
   */
  async changing<T>(parts: DirectoryParts, act: () => Promise<T>): Promise<T> {
    const nowMs = Date.now();
    const changed = [parts.fresh ? this.#fresh : undefined, parts.seen ? this.#seen : undefined].filter(
      (look) => look !== undefined,
    );
    const known = changed.map((look) => look.state(nowMs) === 'known');
    try {
      return await act();
    } finally {
      for (const [index, look] of changed.entries()) {
        look.changedByUs(nowMs, known[index] === true);
      }
    }
  }

  /** Reads the names that may have changed, and again as long as others change them in the middle of it. Under the lock. @returns undefined when none may have */
  async compare(): Promise<Comparison | undefined> {
    let missing: ReadonlySet<number> = new Set();
    for (let look = 1; ; look++) {
      const { names, isExact } = await this.#read();
      if (names.fresh === undefined && names.seen === undefined) return undefined;
      const comparison = await compareNames(this.#table, this.#uidOf, names);
      if (isExact || comparison.gone.every((index) => missing.has(index)) || look === looks)
        return this.#withoutDoubles(comparison);
      missing = new Set(comparison.gone);
      this.forget();
      await pause(racyMs);
    }
  }

  #withoutDoubles(comparison: Comparison): Comparison {
    const resolved = resolveDoubles(comparison, {
      directory: this.#place.directory,
      table: this.#table,
      uidOf: this.#uidOf,
      newName: (base) => [nextUniqueName(), ...base.split(',').slice(1)].join(','),
    });
    if (comparison.doubles.length > 0) this.#fresh.forget();
    return resolved;
  }

  async #read(): Promise<{ readonly names: ReadNames; readonly isExact: boolean }> {
    const { directory } = this.#place;
    const nowMs = Date.now();
    const states = [this.#fresh.state(nowMs), this.#seen.state(nowMs)];
    if (states.includes('missing')) makeParts(this.#place);
    // A look at cur/ always looks at new/ first: a message that is moved meanwhile must not be missed.
    const [readFresh, readSeen] = [states.some((state) => state !== 'known'), states[1] !== 'known'];
    const freshRead = readFresh ? this.#fresh.begin(nowMs) : undefined;
    const fresh = readFresh ? await messageNames(directory, 'new') : undefined;
    const isFreshExact = freshRead?.() ?? true;
    const seenRead = readSeen ? this.#seen.begin(nowMs) : undefined;
    const seen = readSeen ? await messageNames(directory, 'cur') : undefined;
    const isSeenExact = seenRead?.() ?? true;
    this.#isExact = readFresh && readSeen && isFreshExact && isSeenExact;
    return { names: { fresh, seen }, isExact: isFreshExact && isSeenExact };
  }
}
