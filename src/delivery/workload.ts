// What all messages that are coming in share: the memory they may fill and the files they may have open at once.
//
// One message may keep 256 KiB in memory. When many do, the process would grow without bound, so beyond 64 MiB in all a message goes to disk at 16 KiB
// already. Files being written and synced are limited so that a message for a thousand recipients does not take every descriptor.

const messageBytes = 256 * 1024;
const crowdedMessageBytes = 16 * 1024;
const crowdedBytes = 64 * 1024 * 1024;
const filesAtOnce = 128;

export class Workload {
  #heldBytes = 0;
  #freeFiles: number;
  readonly #waiting: (() => void)[] = [];

  constructor(files = filesAtOnce) {
    this.#freeFiles = files;
  }

  /** Bytes of messages in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** How much of one message may stay in memory now. */
  get messageBytes(): number {
    return this.#heldBytes > crowdedBytes ? crowdedMessageBytes : messageBytes;
  }

  /** Does `work` with one file open, as soon as there is room for it. */
  async withFile<T>(work: () => Promise<T>): Promise<T> {
    if (this.#freeFiles > 0) this.#freeFiles--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#freeFiles++;
      else next();
    }
  }
}
