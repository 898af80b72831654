// When to look: a tool call changes a file several times (vadduser replaces vpasswd and vpasswd.cdb two to four times), and is one event. So the look comes when a place has been quiet
// for a moment, and under an endless stream of changes now and then.

export interface QuietTimeOptions {
  /** Without a change for so long, a place is looked at. */
  readonly quietMs: number;
  /** At the latest so long after the first change. */
  readonly mostMs: number;
  /** @param what was touched there since the last time */
  readonly due: (place: string, what: ReadonlySet<string>) => void;
}

interface Waiting {
  readonly what: Set<string>;
  readonly firstAt: number;
  readonly timer: NodeJS.Timeout;
}

export class QuietTime {
  readonly #options: QuietTimeOptions;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: QuietTimeOptions) {
    this.#options = options;
  }

  /** Something changed at a place. */
  touch(place: string, what: string): void {
    const waiting = this.#waiting.get(place);
    if (waiting === undefined) {
      const timer = setTimeout(() => this.#due(place), this.#options.quietMs).unref();
      this.#waiting.set(place, { what: new Set([what]), firstAt: performance.now(), timer });
      return;
    }
    waiting.what.add(what);
    if (performance.now() - waiting.firstAt < this.#options.mostMs) waiting.timer.refresh();
  }

  /** Nothing will be due any more. */
  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #due(place: string): void {
    const waiting = this.#waiting.get(place);
    this.#waiting.delete(place);
    if (waiting !== undefined) this.#options.due(place, waiting.what);
  }
}
