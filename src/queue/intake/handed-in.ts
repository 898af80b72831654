// A message whose bearer waits for what becomes of it before he queues it (intake/first-tries).

/** A message whose bearer waits for what becomes of it. */
export class HandedIn {
  /** Resolves for the bearer: true when it is over, false when it is to be queued. */
  readonly answer: Promise<boolean>;
  /** Resolves when the bearer was asked to queue it and has: whether it is in todo/. */
  readonly queued: Promise<boolean>;
  #isAsked = false;
  #give: (isOver: boolean) => void = () => {};
  #tell: (isThere: boolean) => void = () => {};

  constructor() {
    this.answer = new Promise((resolve) => {
      this.#give = resolve;
    });
    this.queued = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  /** Whether it is in todo/, or on its way there. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Has it queued. @returns `queued` */
  ask(): Promise<boolean> {
    this.#isAsked = true;
    this.#give(false);
    return this.queued;
  }

  /** It is delivered. */
  over(): void {
    this.#give(true);
  }

  /** The bearer has queued it, or could not. */
  tell(isThere: boolean): void {
    this.#tell(isThere);
  }
}
