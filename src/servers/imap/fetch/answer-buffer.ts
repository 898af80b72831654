// Answers gathered as bytes, for commands that answer for many messages: text goes straight into one large buffer, and what has gathered is handed on when it is enough.

/** Where bytes, or large Latin-1 texts, go in the end. A promise: the client has to take something first. */
export interface ByteOutput {
  data(piece: Buffer | string): Promise<void> | undefined;
}

const roomBytes = 64 * 1024;
/** What is left to be filled when a buffer is handed on. */
const spareBytes = 4 * 1024;
const fewBytes = 40;
const zero = 0x30;

export class AnswerBuffer {
  readonly #output: ByteOutput;
  #room: Buffer = Buffer.alloc(0);
  #from = 0;
  #at = 0;
  #pending: Promise<void> | undefined;

  constructor(output: ByteOutput) {
    this.#output = output;
  }

  /** Latin-1. */
  text(text: string): void {
    this.#need(text.length);
    const room = this.#room;
    // For a few characters a call into native code costs more than the characters.
    if (text.length > fewBytes) room.write(text, this.#at, 'latin1');
    else for (let from = 0, to = this.#at; from < text.length; from++) room[to++] = text.charCodeAt(from);
    this.#at += text.length;
  }

  /** A whole number that is not negative. */
  number(number: number): void {
    this.#need(20);
    if (number >= 1e9) {
      this.text(String(number));
      return;
    }
    let digits = 1;
    for (let limit = 10; number >= limit; limit *= 10) digits++;
    let rest = number;
    for (let to = this.#at + digits - 1; to >= this.#at; to--) {
      const next = Math.floor(rest / 10);
      this.#room[to] = zero + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }

  /** Bytes that are copied if they are few; many belong to the output from here on. */
  bytes(bytes: Buffer): void {
    if (bytes.length > spareBytes) {
      this.#handOn();
      this.#send(bytes);
      return;
    }
    this.#need(bytes.length);
    const room = this.#room;
    if (bytes.length > fewBytes) bytes.copy(room, this.#at);
    else for (let from = 0, to = this.#at; from < bytes.length; from++) room[to++] = bytes[from] as number;
    this.#at += bytes.length;
  }

  /** A large Latin-1 text, handed on as it is. */
  largeText(text: string): void {
    this.#handOn();
    this.#send(text);
  }

  /** Hands on what has gathered. To be awaited before more is written. */
  flush(): Promise<void> | undefined {
    this.#handOn();
    return this.taken();
  }

  /** Something to wait for before more is written; undefined: go on. */
  taken(): Promise<void> | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #need(bytes: number): void {
    if (this.#room.length - this.#at >= bytes) return;
    this.#handOn();
    // Not the pool's: what was handed on may wait in the socket for long.
    this.#room = Buffer.allocUnsafeSlow(Math.max(roomBytes, bytes));
    this.#from = 0;
    this.#at = 0;
  }

  #handOn(): void {
    if (this.#at === this.#from) return;
    this.#send(this.#room.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #send(piece: Buffer | string): void {
    const waits = this.#output.data(piece);
    if (waits === undefined) return;
    const before = this.#pending;
    this.#pending = before === undefined ? waits : before.then(() => waits);
  }
}
