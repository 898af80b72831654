// How many logins failed lately by a key (an address, an account), and how long the key has to wait for it. A table of them is bounded: what nobody asked for the longest is forgotten
// first, so that somebody who makes up names pushes out names that nobody guesses at, and not the one that he does.
//
//   failures       1 ... free      free + 1    free + 2    free + 3    ...      a failure is forgotten every `forgetMs`
//   pause          none            1 s         2 s         4 s         ...      at most `longestPauseMs`
//
// As many may be under way at once as would be free if all of them failed, and one in any case: nobody gets more guesses by making them at the same time.

export interface FailureLimits {
  /** Failures without a consequence. */
  readonly free: number;
  /** From so many failures on, or more attempts at once, it waits behind those of whom nothing is known. */
  readonly crowd: number;
  readonly forgetMs: number;
  readonly longestPauseMs: number;
}

export interface FailureRecord {
  readonly of: 'address' | 'account';
  readonly key: string;
  readonly limits: FailureLimits;
  /** As of `atMs`: see `failuresOf`. */
  count: number;
  atMs: number;
  pausedUntilMs: number;
  underWay: number;
  /** Attempts that were put off since that was told last. */
  putOff: number;
}

/** How often a pause is doubled at most: beyond that it is longer than any that is asked for. */
const mostDoublings = 20;
/** Of how many records it is looked whether they can be forgotten, when there are too many. */
const mostLooks = 64;

export class FailureTable {
  readonly #of: FailureRecord['of'];
  readonly #mostKeys: number;
  readonly #byKey = new Map<string, FailureRecord>();

  constructor(of: FailureRecord['of'], mostKeys: number) {
    this.#of = of;
    this.#mostKeys = mostKeys;
  }

  get size(): number {
    return this.#byKey.size;
  }

  records(): IterableIterator<FailureRecord> {
    return this.#byKey.values();
  }

  /** The record of a key, made when there is none. It is the newest from here on. */
  touch(key: string, limits: FailureLimits, nowMs: number): FailureRecord {
    const found = this.#byKey.get(key);
    if (found !== undefined) this.#byKey.delete(key);
    const record = found ?? {
      of: this.#of,
      key,
      limits,
      count: 0,
      atMs: nowMs,
      pausedUntilMs: 0,
      underWay: 0,
      putOff: 0,
    };
    this.#byKey.set(key, record);
    if (this.#byKey.size > this.#mostKeys) this.#forgetOldest(key);
    return record;
  }

  /** Forgets what a key has failed; what it has under way goes on being counted. @returns whether there was anything */
  forget(key: string): boolean {
    const record = this.#byKey.get(key);
    if (record === undefined) return false;
    record.count = 0;
    record.pausedUntilMs = 0;
    return true;
  }

  #forgetOldest(newest: string): void {
    let looks = 0;
    for (const [key, { underWay }] of this.#byKey) {
      if (this.#byKey.size <= this.#mostKeys || ++looks > mostLooks) return;
      if (underWay === 0 && key !== newest) this.#byKey.delete(key);
    }
  }

  /** Forgets the keys of which there is nothing left to know. */
  sweep(nowMs: number): void {
    for (const [key, record] of this.#byKey) {
      const isIdle = record.underWay === 0 && record.putOff === 0 && record.pausedUntilMs <= nowMs;
      if (isIdle && failuresOf(record, nowMs) === 0) this.#byKey.delete(key);
    }
  }
}

/** The failures that are not forgotten. */
export function failuresOf({ count, atMs, limits }: FailureRecord, nowMs: number): number {
  return Math.max(0, count - Math.floor(Math.max(0, nowMs - atMs) / limits.forgetMs));
}

/** How long the next attempt has to wait, in milliseconds; `busy`: until one that is under way is over; 0: it may go on. */
export function waitOf(record: FailureRecord, nowMs: number): number | 'busy' {
  if (record.pausedUntilMs > nowMs) return record.pausedUntilMs - nowMs;
  const mayBeUnderWay = Math.max(1, record.limits.free - failuresOf(record, nowMs));
  return record.underWay >= mayBeUnderWay ? 'busy' : 0;
}

/** Whether others are served before. */
export function isSuspicious(record: FailureRecord, nowMs: number): boolean {
  const { crowd } = record.limits;
  return record.underWay > crowd || failuresOf(record, nowMs) >= crowd;
}

/** Counts a failure. */
export function countFailure(record: FailureRecord, nowMs: number): void {
  const { limits } = record;
  const before = failuresOf(record, nowMs);
  // What has been forgotten is so for good; what is left of the time until the next is goes on.
  record.atMs = before === 0 ? nowMs : record.atMs + (record.count - before) * limits.forgetMs;
  record.count = before + 1;
  const beyond = record.count - limits.free;
  if (beyond > 0) {
    const pauseMs = Math.min(limits.longestPauseMs, 1000 * 2 ** Math.min(mostDoublings, beyond - 1));
    record.pausedUntilMs = Math.max(record.pausedUntilMs, nowMs + pauseMs);
  }
}
