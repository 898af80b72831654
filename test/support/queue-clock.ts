// A clock for the queue that is moved by hand: the system's time, from which files get theirs, and what the test has added. Timers wait for the hand.

import type { QueueClock } from '../../src/queue/schedule.js';

export class HandClock implements QueueClock {
  #added = 0;
  readonly #timers = new Set<{ readonly at: number; readonly act: () => void }>();

  now(): number {
    return Math.floor(Date.now() / 1000) + this.#added;
  }

  milliseconds(): number {
    return 1000 * this.#added;
  }

  after(seconds: number, act: () => void): () => void {
    const timer = { at: this.now() + seconds, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, and what was waiting for it happen. */
  advance(seconds: number): void {
    this.#added += seconds;
    const now = this.now();
    for (const timer of [...this.#timers]) {
      if (timer.at > now) continue;
      this.#timers.delete(timer);
      timer.act();
    }
  }
}
