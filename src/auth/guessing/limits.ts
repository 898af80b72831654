// Who may try to log in, and when: pure counting, the time is passed in. One of these is what all processes of a daemon share.
//
//   counted by      address       IPv4 by itself; IPv6 by its /64, and, eight times as many, its /48, since one customer has so many
//                   account       `user@domain`, whether there is one or not, from all addresses together
//   not held to it  a known pair  an address from which this account was let in lately (not longer ago than a day), until it fails ten times in a row: so
//                                 whoever guesses at an account does not lock its owner out, and a user who mistypes does not lock out those behind the same address
//   not a guess     again the same wrong password of the same account from the same address, 20 seconds later or more: a phone with an old password
//   front ends      127.0.0.1, ::1 and trusted networks bring the logins of many people: a hundred times as many
//
// Being let in does not clear what an address has failed: whoever has an account of his own would guess between his own logins.
// Everything ends by itself, and every table is bounded (auth/guessing/failures.ts).

import { countedAddress } from '../../net/connection-limits.js';
import {
  countFailure,
  type FailureLimits,
  type FailureRecord,
  FailureTable,
  isSuspicious,
  waitOf,
} from './failures.js';
import type { AttemptOutcome, LoginAttempt, Standing } from './gate.js';

export interface GuessLimitSettings {
  /** Failures of an address, and of an account, that have no consequence yet. */
  readonly freeOfAddress: number;
  readonly freeOfAccount: number;
  /** Whether an address is a front end's. */
  readonly isFrontEnd: (address: string) => boolean;
}

/** An attempt that is under way. */
export interface UnderWay {
  readonly standing: Standing;
  readonly attempt: LoginAttempt;
  readonly counted: Counted;
}

export type Decision =
  | { readonly kind: 'go'; readonly underWay: UnderWay }
  /** Ask again after so long, or, `busy`, when one of the same key is over. */
  | { readonly kind: 'wait'; readonly key: string; readonly ms: number | 'busy' };

/** What an attempt is counted for; nothing of a known pair. */
interface Counted {
  readonly ofAddress: readonly FailureRecord[];
  readonly ofAccount: readonly FailureRecord[];
}

interface KnownPair {
  readonly sinceMs: number;
  failures: number;
}

const minuteMs = 60_000;
const knownForMs = 24 * 60 * minuteMs;
const knownMayFail = 10;
const sameAgainMs = 20_000;
const mostKeys = 20_000;
const mostPairs = 100_000;
const mostRemembered = 20_000;
const frontEndFactor = 100;
const siteFactor = 8;
/** Longer names are counted together. */
const longestKey = 200;
const nothing: Counted = { ofAddress: [], ofAccount: [] };

export class GuessLimits {
  readonly addresses = new FailureTable('address', mostKeys);
  readonly accounts = new FailureTable('account', mostKeys);
  readonly #settings: GuessLimitSettings;
  readonly #ofAddress: FailureLimits;
  readonly #ofAccount: FailureLimits;
  readonly #known = new Map<string, KnownPair>();
  /** The last wrong secret by pair. */
  readonly #wrong = new Map<string, { fingerprint: string; atMs: number }>();

  constructor(settings: GuessLimitSettings) {
    this.#settings = settings;
    this.#ofAddress = { free: settings.freeOfAddress, crowd: 1, forgetMs: 3 * minuteMs, longestPauseMs: 15 * minuteMs };
    // Who guesses at an account from many addresses holds up its owner at a new one: not longer than that.
    this.#ofAccount = { free: settings.freeOfAccount, crowd: 1, forgetMs: minuteMs, longestPauseMs: minuteMs };
  }

  /** Known pairs at this moment. */
  get knownPairs(): number {
    return this.#known.size;
  }

  /** Whether this attempt may be made now. */
  enter(attempt: LoginAttempt, nowMs: number): Decision {
    const known = this.#known.get(pairOf(attempt));
    if (known !== undefined && nowMs - known.sinceMs < knownForMs && known.failures < knownMayFail)
      return { kind: 'go', underWay: { standing: 'known', attempt, counted: nothing } };
    const counted = this.#countedOf(attempt, nowMs);
    const records = [...counted.ofAddress, ...counted.ofAccount];
    const waits = records.map((record) => waitOf(record, nowMs));
    const ms = Math.max(...waits.map((wait) => (wait === 'busy' ? 0 : wait)));
    const key = records[waits.indexOf(ms > 0 ? ms : 'busy')]?.key;
    if (key !== undefined) return { kind: 'wait', key, ms: ms > 0 ? ms : 'busy' };
    for (const record of records) record.underWay++;
    const isSuspect = counted.ofAddress.some((record) => isSuspicious(record, nowMs));
    return { kind: 'go', underWay: { standing: isSuspect ? 'suspect' : 'clean', attempt, counted } };
  }

  /** Tells how an attempt ended. */
  over({ attempt, counted }: UnderWay, outcome: AttemptOutcome, fingerprint: string | undefined, nowMs: number): void {
    for (const record of [...counted.ofAddress, ...counted.ofAccount]) record.underWay--;
    const pair = pairOf(attempt);
    if (outcome === 'right') {
      this.#wrong.delete(pair);
      keep(this.#known, pair, { sinceMs: nowMs, failures: 0 }, mostPairs);
    }
    if (outcome !== 'wrong' || this.#isSameAgain(pair, fingerprint, nowMs)) return;
    const known = this.#known.get(pair);
    if (known !== undefined) known.failures++;
    const { ofAddress, ofAccount } = counted === nothing ? this.#countedOf(attempt, nowMs) : counted;
    for (const record of [...ofAddress, ...ofAccount]) countFailure(record, nowMs);
  }

  /** Counts a failure of a pair that is known elsewhere, of which nobody asked before. */
  failed(attempt: LoginAttempt, fingerprint: string | undefined, nowMs: number): void {
    this.over({ standing: 'known', attempt, counted: nothing }, 'wrong', fingerprint, nowMs);
  }

  /** Counts an attempt that was put off. @returns the records that are to blame */
  putOff(attempt: LoginAttempt, nowMs: number): FailureRecord[] {
    const { ofAddress, ofAccount } = this.#countedOf(attempt, nowMs);
    const toBlame = [...ofAddress, ...ofAccount].filter((record) => waitOf(record, nowMs) !== 0);
    for (const record of toBlame) record.putOff++;
    return toBlame;
  }

  /** Forgets what there is nothing left to know of. */
  sweep(nowMs: number): void {
    this.addresses.sweep(nowMs);
    this.accounts.sweep(nowMs);
    for (const [pair, { sinceMs }] of this.#known) {
      if (nowMs - sinceMs < knownForMs) break;
      this.#known.delete(pair);
    }
  }

  #countedOf({ address, account }: LoginAttempt, nowMs: number): Counted {
    const ofAccount = [this.accounts.touch(account.slice(0, longestKey), this.#ofAccount, nowMs)];
    if (address === undefined) return { ofAddress: [], ofAccount };
    const factor = this.#settings.isFrontEnd(address) ? frontEndFactor : 1;
    const network = countedAddress(address);
    const site = siteOf(network);
    const ofAddress = [this.addresses.touch(network, times(factor, this.#ofAddress), nowMs)];
    if (site !== undefined)
      ofAddress.push(this.addresses.touch(site, times(factor * siteFactor, this.#ofAddress), nowMs));
    return { ofAddress, ofAccount };
  }

  #isSameAgain(pair: string, fingerprint: string | undefined, nowMs: number): boolean {
    if (fingerprint === undefined) return false;
    const last = this.#wrong.get(pair);
    keep(this.#wrong, pair, { fingerprint, atMs: nowMs }, mostRemembered);
    return last?.fingerprint === fingerprint && nowMs - last.atMs >= sameAgainMs;
  }
}

function times(factor: number, limits: FailureLimits): FailureLimits {
  if (factor === 1) return limits;
  return { ...limits, free: factor * limits.free, crowd: factor * limits.crowd, forgetMs: limits.forgetMs / factor };
}

/** The /48 of a /64. */
function siteOf(network: string): string | undefined {
  const groups = network.endsWith('::/64') ? network.slice(0, -'::/64'.length).split(':') : [];
  return groups.length === 4 ? `${groups.slice(0, 3).join(':')}::/48` : undefined;
}

function pairOf({ address, account }: LoginAttempt): string {
  return `${address === undefined ? 'unix' : countedAddress(address)} ${account.slice(0, longestKey)}`;
}

/** Sets a value as the newest, and forgets the oldest beyond so many. */
function keep<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
