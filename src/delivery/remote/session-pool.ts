// Open sessions by destination: how many there may be, and which are used again.
//
// A destination takes `sessionsPerDestination` messages at the same time; further ones wait, first come first served, and are given the session of the one that ends. A session
// that nobody waits for is closed at once, as qmail-remote's is, unless the destination is busy: then it is kept for `idleMs`. Busy means that as many messages were begun in that
// time as `busyMessages`. So ordinary mail sees one session a message, and a mass of mail for one host goes over few.
//
// What is kept has ended a message well and said nothing since. After `messagesPerSession` a session is closed.

import type { RemoteLimits } from './context.js';
import type { Session } from './session.js';

const busyMessages = 10;
const leastSweep = 256;

interface Place {
  active: number;
  readonly waiting: ((session: Session | undefined) => void)[];
  readonly idle: Map<Session, NodeJS.Timeout>;
  /** When the last messages were begun, in milliseconds of the process's clock. */
  readonly begun: number[];
}

export class SessionPool {
  readonly #limits: RemoteLimits;
  readonly #places = new Map<string, Place>();
  #sweepAt = leastSweep;
  #isClosed = false;

  constructor(limits: RemoteLimits) {
    this.#limits = limits;
  }

  /** Waits for leave to send one message to a destination, to be given back with `release`. A session comes along where one is open. */
  async acquire(key: string): Promise<Session | undefined> {
    const place = this.#place(key);
    place.begun.push(performance.now());
    if (place.begun.length > busyMessages) place.begun.shift();
    const session = this.#takeIdle(place);
    if (session === undefined && place.active >= this.#limits.sessionsPerDestination)
      return new Promise((resolve) => {
        place.waiting.push(resolve);
      });
    place.active++;
    return session;
  }

  /** @param session what may take another message */
  release(key: string, session?: Session): void {
    const place = this.#place(key);
    const kept = session !== undefined && this.#mayGoOn(session) ? session : undefined;
    if (kept === undefined) session?.conversation.quit();
    const next = place.waiting.shift();
    if (next !== undefined) {
      next(kept);
      return;
    }
    place.active--;
    if (kept !== undefined) this.#keepOrQuit(place, kept);
  }

  /** Closes what is idle; from here on nothing is kept. */
  close(): void {
    this.#isClosed = true;
    for (const place of this.#places.values()) {
      for (const session of [...place.idle.keys()]) {
        this.#takeOut(place, session);
        session.conversation.quit();
      }
    }
  }

  #takeIdle(place: Place): Session | undefined {
    for (const session of place.idle.keys()) {
      this.#takeOut(place, session);
      if (session.conversation.isQuiet) return session;
      session.conversation.abort();
    }
    return undefined;
  }

  #mayGoOn(session: Session): boolean {
    return !this.#isClosed && session.messages < this.#limits.messagesPerSession && session.conversation.isQuiet;
  }

  #keepOrQuit(place: Place, session: Session): void {
    const { conversation } = session;
    if (!this.#isBusy(place)) {
      conversation.quit();
      return;
    }
    const end = (act: () => void): void => {
      this.#takeOut(place, session);
      act();
    };
    const timer = setTimeout(() => end(() => conversation.quit()), this.#limits.idleMs).unref();
    conversation.whenGone(() => end(() => conversation.abort()));
    conversation.keepProcess(false);
    place.idle.set(session, timer);
  }

  #isBusy({ begun }: Place): boolean {
    const [oldest] = begun;
    return begun.length >= busyMessages && performance.now() - (oldest ?? 0) <= this.#limits.idleMs;
  }

  #takeOut(place: Place, session: Session): void {
    clearTimeout(place.idle.get(session));
    place.idle.delete(session);
    session.conversation.whenGone(undefined);
    session.conversation.keepProcess(true);
  }

  #place(key: string): Place {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= this.#sweepAt) this.#sweep();
    const place: Place = { active: 0, waiting: [], idle: new Map(), begun: [] };
    this.#places.set(key, place);
    return place;
  }

  /** Forgets the places where nothing goes on. Waiting until there are twice as many makes it cost next to nothing. */
  #sweep(): void {
    for (const [key, { active, idle }] of this.#places) if (active === 0 && idle.size === 0) this.#places.delete(key);
    this.#sweepAt = Math.max(leastSweep, 2 * this.#places.size);
  }
}
