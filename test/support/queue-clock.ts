// A clock for the queue that moves when it is told to: it begins at the present, since files get their times from the system.

import type { QueueClock } from '../../src/queue/schedule.js';

export class HandClock implements QueueClock {
  #now = Math.floor(Date.now() / 1000);
  readonly #timers = new Set<{ readonly at: number; readonly act: () => void }>();

  now(): number {
    return this.#now;
  }

  after(seconds: number, act: () => void): () => void {
    const timer = { at: this.#now + seconds, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, and what was waiting for it happen. */
  advance(seconds: number): void {
    this.#now += seconds;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.act();
    }
  }
}
