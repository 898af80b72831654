// What a session says, in order: lines of text and message data. It is gathered and leaves in large pieces; a client that does not read holds up its own session only (net/reply-writer.ts).
//
// A loop over many messages calls `breathe` in each round and awaits what it gives: nothing, mostly; a promise when the client has to take something first, or when the
// loop has held up the other sessions of this process for long enough.

import type { ReplyWriter } from '../../net/reply-writer.js';

/** How long a loop may go on while others wait. */
const sliceMs = 10;

export class ImapOutput {
  readonly #writer: ReplyWriter;
  #begunAt = 0;

  constructor(writer: ReplyWriter) {
    this.#writer = writer;
  }

  /** `* ` with a text (Latin-1; it may hold literals) and the end of the line. */
  untagged(text: string): void {
    this.#writer.line(`* ${text}`);
  }

  /** A whole line. */
  line(text: string): void {
    this.#writer.line(text);
  }

  /** A part of a response as Latin-1 text: its line ends are the caller's. */
  text(text: string): void {
    this.#writer.text(text);
  }

  /** A part of a response: bytes, which belong to the output from here on, or a large Latin-1 text. To be awaited: a promise when the client has to take something first. */
  data(piece: Buffer | string): Promise<void> | undefined {
    return this.#writer.data(piece);
  }

  /** Whether the client is gone, so that nothing that is said matters. */
  get isBroken(): boolean {
    return this.#writer.isBroken;
  }

  /** Ends the connection at once: a literal was announced that cannot be completed. */
  cut(): void {
    this.#writer.cut();
  }

  /** Begins a command's time. */
  begin(): void {
    this.#begunAt = performance.now();
  }

  breathe(): Promise<void> | undefined {
    if (performance.now() - this.#begunAt >= sliceMs) return this.#giveWay();
    return this.#writer.isFull ? this.#writer.flush() : undefined;
  }

  /** Sends what has gathered. */
  flush(): Promise<void> | undefined {
    return this.#writer.flush();
  }

  async #giveWay(): Promise<void> {
    if (this.#writer.isFull) await this.#writer.flush();
    await new Promise((resolve) => setImmediate(resolve));
    this.#begunAt = performance.now();
  }
}
