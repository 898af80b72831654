// A message that is too large for memory, written as it comes in: into the tmp/ of the first Maildir that it is for, which saves one copy. From there it is
// copied into the others.
//
// Chunks are gathered into pieces of 256 KiB, one write at a time. While one runs, the next piece gathers; when that is full too, `write` gives a promise, and the
// client is not read from until the disk has caught up. So at most two pieces of a message are in memory.

import type { MessageFile } from '../stores/maildir/maildir-message.js';

const pieceBytes = 256 * 1024;

export class SpooledBody {
  readonly file: MessageFile;
  readonly #headBytes: number;
  #waiting: Buffer[];
  #waitingBytes: number;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param file where it goes, empty @param head the lines above the message in that Maildir */
  constructor(file: MessageFile, head: Buffer, firstChunks: readonly Buffer[]) {
    this.file = file;
    this.#headBytes = head.length;
    this.#waiting = [head, ...firstChunks];
    this.#waitingBytes = this.#waiting.reduce((sum, part) => sum + part.length, 0);
    this.#run();
  }

  /** Takes the next bytes. A promise is to be waited for; it never rejects. */
  write(chunk: Buffer): void | Promise<void> {
    if (this.#failure !== undefined) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes < pieceBytes) return;
    if (this.#running !== undefined) return this.#running;
    this.#run();
  }

  /** Resolves when everything is in the file, not yet synced. @throws the system error of the write that failed */
  async finish(): Promise<void> {
    while (this.#running !== undefined || (this.#waitingBytes > 0 && this.#failure === undefined)) {
      if (this.#running === undefined) this.#run();
      await this.#running;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Appends the message, without its head, to another file. After `finish`. @throws the system error */
  async copyInto(other: MessageFile): Promise<void> {
    for (let position = this.#headBytes; ; ) {
      const piece = await this.file.read(position, pieceBytes);
      if (piece.length === 0) return;
      await other.writeLater([piece]);
      position += piece.length;
    }
  }

  /** Removes the file, when nobody writes to it any more. Does not throw. */
  async discard(): Promise<void> {
    this.#failure ??= { error: new Error('the message was given up') };
    await this.#running;
    this.file.discard();
    this.#waiting = [];
  }

  #run(): void {
    const parts = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#running = this.file.writeLater(parts).then(
      () => {
        this.#running = undefined;
      },
      (error: unknown) => {
        this.#running = undefined;
        this.#failure ??= { error };
        this.#waiting = [];
      },
    );
  }
}
