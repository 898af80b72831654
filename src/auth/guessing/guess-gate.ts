// The gate where the counting is: in the supervisor, for all its workers, or in the one process that does everything. It holds up who has to wait a little, puts off who has to
// wait longer, and tells the log: what is new at once, the rest once a minute, however many there are.
//
//   login limits: logins from 192.0.2.1 are put off for 16 seconds, after 15 that were wrong
//   login limits: 95213 logins were put off in the last minute: from 192.0.2.1 (1021), 192.0.2.2 (1002), 192.0.2.3 (998) and 97 more; of joe@example.jp (12) and 3 more

import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../log.js';
import { type FailureRecord, type FailureTable, failuresOf } from './failures.js';
import type { Admission, AttemptOutcome, LoginAttempt, LoginGate } from './gate.js';
import { type GuessLimitSettings, GuessLimits, type UnderWay } from './limits.js';
import { type GuessingStatus, type KeyStatus, worstFirst } from './status.js';

/** How long an attempt is held up at most: a Postfix that asks waits for ten seconds. */
const longestHoldMs = 4000;
/** Attempts that are held up at once: in all, of one key whose turn it is not yet, and of one key that has to pause, behind which nobody but the first gets on. */
const mostHeld = 2000;
const mostWaiting = 50;
const mostPausing = 3;
const reportEveryMs = 60_000;
/** Lines about what is new, between two reports. */
const mostNews = 10;
const namedInReport = 3;

export interface GuessGateOptions extends GuessLimitSettings {
  readonly log: Log;
  readonly now?: () => number;
}

export class GuessGate implements LoginGate {
  readonly #limits: GuessLimits;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  /** Who waits for an attempt of the same key to be over. */
  readonly #waiting = new Map<string, Array<() => void>>();
  readonly #pausing = new Map<string, number>();
  readonly #counts = { right: 0, wrong: 0, putOff: 0 };
  #held = 0;
  #news = 0;
  #putOffSinceReport = 0;

  constructor(options: GuessGateOptions) {
    this.#limits = new GuessLimits(options);
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
    this.#timer = setInterval(() => this.report(), reportEveryMs).unref();
  }

  async enter(attempt: LoginAttempt): Promise<Admission> {
    const untilMs = this.#now() + longestHoldMs;
    for (;;) {
      const now = this.#now();
      const decision = this.#limits.enter(attempt, now);
      if (decision.kind === 'go') return this.#admitted(decision.underWay);
      const { key, ms } = decision;
      if (this.#held >= mostHeld) return this.#putOff(attempt, ms);
      this.#held++;
      const mayTryAgain =
        ms === 'busy' ? await this.#turn(key, untilMs - now) : await this.#pause(key, ms, untilMs - now);
      this.#held--;
      if (!mayTryAgain) return this.#putOff(attempt, ms);
    }
  }

  /** Counts attempts that a process let in by itself, since their pair is known. */
  knownWereRight(count: number): void {
    this.#counts.right += count;
  }

  /** Counts a failure of a pair that is known to a process, which let it try by itself. */
  knownWasWrong(attempt: LoginAttempt, fingerprint: string | undefined): void {
    this.#counts.wrong++;
    this.#limits.failed(attempt, fingerprint, this.#now());
  }

  status(): GuessingStatus {
    const { addresses, accounts, knownPairs } = this.#limits;
    return { ...this.#counts, knownPairs, addresses: this.#statusOf(addresses), accounts: this.#statusOf(accounts) };
  }

  /** Forgets what an address, a network or an account has failed. @returns whether there was anything */
  forget(key: string): boolean {
    const { addresses, accounts } = this.#limits;
    return [addresses.forget(key), accounts.forget(key)].includes(true);
  }

  /** Tells what was put off since the last report, and forgets what is of no use any more. */
  report(): void {
    const { addresses, accounts } = this.#limits;
    if (this.#putOffSinceReport > 0) {
      const parts = [listed('from', addresses), listed('of', accounts)].filter((part) => part !== '');
      this.#log.info(
        `login limits: ${this.#putOffSinceReport} logins were put off in the last minute: ${parts.join('; ')}`,
      );
    }
    for (const table of [addresses, accounts]) for (const record of table.records()) record.putOff = 0;
    this.#putOffSinceReport = 0;
    this.#news = 0;
    this.#limits.sweep(this.#now());
  }

  /** Ends the reports. */
  close(): void {
    clearInterval(this.#timer);
  }

  #admitted(underWay: UnderWay): Admission {
    let isOver = false;
    return {
      isAdmitted: true,
      standing: underWay.standing,
      over: (outcome, fingerprint) => {
        if (isOver) return;
        isOver = true;
        this.#over(underWay, outcome, fingerprint);
      },
    };
  }

  #over(underWay: UnderWay, outcome: AttemptOutcome, fingerprint: string | undefined): void {
    this.#limits.over(underWay, outcome, fingerprint, this.#now());
    if (outcome !== 'undecided') this.#counts[outcome]++;
    const { ofAddress, ofAccount } = underWay.counted;
    for (const record of [...ofAddress, ...ofAccount]) this.#wake(record);
  }

  /** Lets the next one try; all of them when they will have to wait longer, so that they do not do so here. */
  #wake(record: FailureRecord): void {
    const waiting = this.#waiting.get(record.key) ?? [];
    const isPaused = record.pausedUntilMs > this.#now();
    for (const wake of isPaused ? [...waiting] : waiting.slice(0, 1)) wake();
  }

  /** Waits, unless that is too long or others of this key do already. @returns whether it has */
  async #pause(key: string, ms: number, mostMs: number): Promise<boolean> {
    const pausing = this.#pausing.get(key) ?? 0;
    if (ms >= mostMs || pausing >= mostPausing) return false;
    this.#pausing.set(key, pausing + 1);
    await pause(ms);
    const left = (this.#pausing.get(key) ?? 1) - 1;
    if (left > 0) this.#pausing.set(key, left);
    else this.#pausing.delete(key);
    return true;
  }

  /** Waits for an attempt of this key to be over. @returns whether one was */
  #turn(key: string, mostMs: number): Promise<boolean> {
    const waiting = this.#waiting.get(key) ?? [];
    if (waiting.length >= mostWaiting) return Promise.resolve(false);
    this.#waiting.set(key, waiting);
    return new Promise((resolve) => {
      const settle = (isItsTurn: boolean): void => {
        clearTimeout(timer);
        const at = waiting.indexOf(wake);
        if (at >= 0) waiting.splice(at, 1);
        if (waiting.length === 0) this.#waiting.delete(key);
        resolve(isItsTurn);
      };
      const wake = (): void => settle(true);
      const timer = setTimeout(() => settle(false), mostMs);
      waiting.push(wake);
    });
  }

  #putOff(attempt: LoginAttempt, ms: number | 'busy'): Admission {
    const nowMs = this.#now();
    const toBlame = this.#limits.putOff(attempt, nowMs);
    this.#counts.putOff++;
    this.#putOffSinceReport++;
    for (const record of toBlame) if (record.putOff === 1) this.#tellNews(record, nowMs);
    return { isAdmitted: false, retrySeconds: Math.max(1, Math.ceil((ms === 'busy' ? longestHoldMs : ms) / 1000)) };
  }

  #tellNews(record: FailureRecord, nowMs: number): void {
    const seconds = secondsUntil(record.pausedUntilMs, nowMs);
    if (seconds === 0 || ++this.#news > mostNews) return;
    const whose = `logins ${record.of === 'account' ? 'of' : 'from'} ${record.key}`;
    const failures = failuresOf(record, nowMs);
    this.#log.info(`login limits: ${whose} are put off for ${seconds} seconds, after ${failures} that were wrong`);
  }

  #statusOf(table: FailureTable): KeyStatus[] {
    const nowMs = this.#now();
    const all = [...table.records()].map((record) => ({
      key: record.key,
      failures: failuresOf(record, nowMs),
      pauseSeconds: secondsUntil(record.pausedUntilMs, nowMs),
    }));
    return all.filter(({ failures, pauseSeconds }) => failures > 0 || pauseSeconds > 0).sort(worstFirst);
  }
}

function secondsUntil(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}

function listed(word: string, table: FailureTable): string {
  const records = [...table.records()].filter(({ putOff }) => putOff > 0).sort((a, b) => b.putOff - a.putOff);
  if (records.length === 0) return '';
  const named = records.slice(0, namedInReport).map(({ key, putOff }) => `${key} (${putOff})`);
  const more = records.length > named.length ? ` and ${records.length - named.length} more` : '';
  return `${word} ${named.join(', ')}${more}`;
}
