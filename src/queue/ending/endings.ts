// The messages at their end: each is dealt with when it is due, a few at once. What goes wrong is tried again in two minutes.
//
// qmail-send does one thing at a time, so `bounce msg` of a message, and `end msg`, stand in the log before anything of the notice that was queued for it. Here the notice may be
// found in todo/ while it is being told; whoever takes up new messages waits for that.

import { type QueueClock, troubleSeconds } from '../schedule.js';
import { TimeHeap } from '../time-heap.js';
import type { BounceOptions, EnqueueNotice } from './bounce.js';
import { finishMessage } from './finish.js';

/** Messages that are ended at once. */
const endingsAtOnce = 8;

export interface EndingsOptions extends BounceOptions {
  /** A message has been dealt with. */
  readonly changed: () => void;
}

export class Endings {
  readonly #options: EndingsOptions;
  readonly #due = new TimeHeap();
  /** Messages whose notice is being queued. */
  readonly #notices = new Set<Promise<void>>();
  #running = 0;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  get #clock(): QueueClock {
    return this.#options.clock;
  }

  /** Whether messages are being ended. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** Unix seconds of the next one. */
  get earliest(): number | undefined {
    return this.#due.earliest;
  }

  insert(id: string, seconds: number): void {
    this.#due.insert(id, seconds);
  }

  /** @returns whether it was there, and is not being ended */
  remove(id: string): boolean {
    return this.#due.remove(id);
  }

  /** Begins with the next one, if one is due and there is room. */
  begin(now: number): boolean {
    if (this.#running >= endingsAtOnce || (this.#due.earliest ?? Number.POSITIVE_INFINITY) > now) return false;
    const due = this.#due.take();
    if (due !== undefined) void this.#end(due.id);
    return true;
  }

  /** Resolves when the notices that are being queued now are told; undefined when there are none. */
  noticesTold(): Promise<unknown> | undefined {
    return this.#notices.size === 0 ? undefined : Promise.all(this.#notices);
  }

  async #end(id: string): Promise<void> {
    this.#running++;
    let tell = (): void => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const enqueue: EnqueueNotice = (notice) => {
      this.#notices.add(told);
      return this.#options.enqueue(notice);
    };
    const isOver = await finishMessage({ ...this.#options, enqueue }, id);
    this.#notices.delete(told);
    tell();
    if (!isOver) this.#due.insert(id, this.#clock.now() + troubleSeconds);
    this.#running--;
    this.#options.changed();
  }
}
