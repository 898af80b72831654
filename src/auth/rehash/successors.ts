// Which hash took the place of which, with the same password: a session that was let in by the old one is not ended for it, nor is a ticket void. Told to all processes before the new hash is
// written, so that nobody meets it as somebody else's change.

/** The same password under another hash. */
export interface Succession {
  readonly from: string;
  readonly to: string;
}

const most = 10_000;

export class HashSuccessors {
  readonly #successor = new Map<string, string>();

  note(successions: readonly Succession[]): void {
    for (const { from, to } of successions) {
      this.#successor.delete(from);
      this.#successor.set(from, to);
    }
    for (const oldest of this.#successor.keys()) {
      if (this.#successor.size <= most) return;
      this.#successor.delete(oldest);
    }
  }

  /** Whether what stands there now is the same password's. */
  isSame(before: string, now: string): boolean {
    return before === now || this.#successor.get(before) === now;
  }
}
