// How much each user has sent within the last hour: a stolen password should not make this host a spammer's. Counted is what reaches DATA, by the minute. The process
// that knows of all sessions keeps the numbers, over a restart too (processes/rates/kept-rates.ts); session workers ask it (processes/rates/rate-requests.ts).
//
// A user who has met the limit is a line in the log, and then not more than one in ten minutes:
//
//   warning: joe@example.jp has sent to 500 recipients within an hour and is put off (--rate-recipients), 12 times since the last such line

import type { SentMinute } from '../../../formats/maildir/sent-numbers.js';
import type { Log } from '../../../log.js';
import type { SubmissionPolicy } from './policy.js';

export type RateAnswer =
  /** `recipientsLeft`: how many more there may be now. */
  | { readonly isWithin: true; readonly recipientsLeft: number }
  | { readonly isWithin: false; readonly retrySeconds: number };

export interface UserRates {
  /** Whether a user (`user@domain`) may send a message to so many recipients now; it is counted when `isSent`. */
  ask(user: string, recipients: number, isSent: boolean): RateAnswer | Promise<RateAnswer>;
}

export type RateLimits = Pick<SubmissionPolicy, 'messagesPerHour' | 'recipientsPerHour'>;

/** Whether there is anything to ask. */
export function hasRateLimits({ messagesPerHour, recipientsPerHour }: RateLimits): boolean {
  return messagesPerHour > 0 || recipientsPerHour > 0;
}

interface Minute {
  readonly number: number;
  messages: number;
  recipients: number;
}

const minutesKept = 60;
const reportEveryMs = 600_000;

export class RateKeeper implements UserRates {
  readonly #limits: RateLimits;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #sent = new Map<string, Minute[]>();
  readonly #reports = new Map<string, { readonly atMs: number; untold: number }>();
  #sweptAtMs: number;

  /** @param now milliseconds; the clock unless given */
  constructor(limits: RateLimits, log: Log, now: () => number = Date.now) {
    this.#limits = limits;
    this.#log = log;
    this.#now = now;
    this.#sweptAtMs = now();
  }

  /** Users that are remembered. */
  get size(): number {
    return this.#sent.size;
  }

  /** What has been sent within the last hour. */
  *sent(): Generator<SentMinute> {
    const oldest = Math.floor(this.#now() / 60_000) - minutesKept;
    for (const [user, minutes] of this.#sent)
      for (const { number, messages, recipients } of minutes)
        if (number > oldest) yield { user, minute: number, messages, recipients };
  }

  /** Counts what was sent before, in order; what is of another hour counts for nothing. */
  remember(sent: Iterable<SentMinute>): void {
    const now = Math.floor(this.#now() / 60_000);
    for (const { user, minute: number, messages, recipients } of sent) {
      if (number > now || number <= now - minutesKept) continue;
      this.#sent.set(user, [...(this.#sent.get(user) ?? []), { number, messages, recipients }]);
    }
  }

  ask(user: string, recipients: number, isSent: boolean): RateAnswer {
    this.#sweep();
    const minute = Math.floor(this.#now() / 60_000);
    const minutes = (this.#sent.get(user) ?? []).filter(({ number }) => number > minute - minutesKept);
    const { messagesPerHour, recipientsPerHour } = this.#limits;
    const freeIn = Math.max(
      minutesUntilFree(minutes, (each) => each.messages, { more: 1, limit: messagesPerHour, now: minute }),
      minutesUntilFree(minutes, (each) => each.recipients, { more: recipients, limit: recipientsPerHour, now: minute }),
    );
    if (freeIn > 0) {
      this.#report(user, minutes);
      return { isWithin: false, retrySeconds: freeIn * 60 };
    }
    if (isSent) this.#sent.set(user, counted(minutes, minute, recipients));
    const sent = sum(minutes, (each) => each.recipients);
    return {
      isWithin: true,
      recipientsLeft: recipientsPerHour > 0 ? recipientsPerHour - sent : Number.MAX_SAFE_INTEGER,
    };
  }

  #report(user: string, minutes: readonly Minute[]): void {
    const nowMs = this.#now();
    const last = this.#reports.get(user);
    if (last !== undefined && nowMs - last.atMs < reportEveryMs) {
      last.untold++;
      return;
    }
    this.#reports.set(user, { atMs: nowMs, untold: 0 });
    const messages = sum(minutes, (each) => each.messages);
    const isMessages = this.#limits.messagesPerHour > 0 && messages >= this.#limits.messagesPerHour;
    const what = isMessages
      ? `sent ${messages} messages within an hour and is put off (--rate-messages)`
      : `sent to ${sum(minutes, (each) => each.recipients)} recipients within an hour and is put off (--rate-recipients)`;
    const times = last === undefined || last.untold === 0 ? '' : `, ${last.untold + 1} times since the last such line`;
    this.#log.warning(`${user} has ${what}${times}`);
  }

  /** Forgets users who have sent nothing for an hour. */
  #sweep(): void {
    const nowMs = this.#now();
    if (nowMs - this.#sweptAtMs < reportEveryMs) return;
    this.#sweptAtMs = nowMs;
    const oldest = Math.floor(nowMs / 60_000) - minutesKept;
    for (const [user, minutes] of this.#sent) if ((minutes.at(-1)?.number ?? 0) <= oldest) this.#sent.delete(user);
    for (const [user, { atMs }] of this.#reports) if (nowMs - atMs > 2 * reportEveryMs) this.#reports.delete(user);
  }
}

/** In how many minutes so many more fit into the limit; 0: they do now. */
function minutesUntilFree(
  minutes: readonly Minute[],
  count: (minute: Minute) => number,
  asked: { readonly more: number; readonly limit: number; readonly now: number },
): number {
  const { more, limit, now } = asked;
  let tooMany = limit === 0 ? 0 : sum(minutes, count) + more - limit;
  let wait = 0;
  for (const minute of minutes) {
    if (tooMany <= 0) return wait;
    tooMany -= count(minute);
    wait = minute.number + minutesKept - now;
  }
  return tooMany <= 0 ? wait : minutesKept;
}

function sum(minutes: readonly Minute[], count: (minute: Minute) => number): number {
  return minutes.reduce((total, minute) => total + count(minute), 0);
}

function counted(minutes: readonly Minute[], number: number, recipients: number): Minute[] {
  const last = minutes.at(-1);
  if (last?.number !== number) return [...minutes, { number, messages: 1, recipients }];
  last.messages++;
  last.recipients += recipients;
  return [...minutes];
}
