// What a server writes on a connection: replies as text, message data as bytes, in order and with back pressure.
//
// Everything is gathered until `flush`, or until there is enough for a write, so that the replies to commands sent ahead leave together. `flush` and `data` give a
// promise when the other side has to take something first: a slow reader holds its own session up and fills no memory. After the connection broke everything is
// dropped without an error; the session learns of it from its lines.

import type { Connection } from './connection.js';

const enoughOctets = 64 * 1024;
const largeOctets = 16 * 1024;

export class ReplyWriter {
  readonly #socket: Connection;
  /** In order; `#text` comes behind them. */
  #bytes: (Buffer | string)[] = [];
  #byteCount = 0;
  #text = '';
  #wake: (() => void) | undefined;

  constructor(socket: Connection) {
    this.#socket = socket;
    socket.on('drain', this.#awake).on('close', this.#awake).on('error', this.#awake);
  }

  /** Whether nothing more can be sent. */
  get isBroken(): boolean {
    return this.#socket.destroyed || !this.#socket.writable;
  }

  /** Adds one line to what is to be sent. Text is Latin-1. */
  line(text: string): void {
    this.#text += text;
    this.#text += '\r\n';
  }

  /** Adds text without a line end. */
  text(text: string): void {
    this.#text += text;
  }

  /** Adds bytes, or a large Latin-1 text, to what is to be sent, and sends it when it is enough. The bytes belong to the writer from here on. */
  data(piece: Buffer | string): Promise<void> | undefined {
    this.#takeText();
    this.#bytes.push(piece);
    this.#byteCount += piece.length;
    return this.isFull ? this.flush() : undefined;
  }

  /** Whether so much has gathered that it should be flushed even though more follows. */
  get isFull(): boolean {
    return this.#byteCount + this.#text.length >= enoughOctets;
  }

  /** Sends what has gathered. */
  flush(): Promise<void> | undefined {
    const [bytes, byteCount, text] = [this.#bytes, this.#byteCount, this.#text];
    if (byteCount === 0 && text === '') return undefined;
    this.#forget();
    if (this.isBroken) return undefined;
    const mayGoOn = byteCount === 0 ? this.#socket.write(text, 'latin1') : this.#write(bytes, text);
    return mayGoOn ? undefined : this.#drained();
  }

  /** Sends what is left and closes the connection in an orderly way. */
  end(): void {
    void this.flush();
    if (this.isBroken) this.#socket.destroy();
    else this.#socket.end();
  }

  /** Ends the connection at once: what was sent last cannot be completed, and nothing else may follow it. */
  cut(): void {
    this.#forget();
    this.#socket.destroy();
  }

  /** Leaves the socket to another owner. */
  detach(): void {
    this.#socket.off('drain', this.#awake).off('close', this.#awake).off('error', this.#awake);
  }

  #takeText(): void {
    if (this.#text === '') return;
    this.#bytes.push(Buffer.from(this.#text, 'latin1'));
    this.#byteCount += this.#text.length;
    this.#text = '';
  }

  #forget(): void {
    this.#bytes = [];
    this.#byteCount = 0;
    this.#text = '';
  }

  #write(bytes: (Buffer | string)[], text: string): boolean {
    if (text !== '') bytes.push(Buffer.from(text, 'latin1'));
    const pieces = withSmallJoined(bytes);
    let mayGoOn = true;
    // All in one system call.
    if (pieces.length > 1) this.#socket.cork();
    for (const piece of pieces) mayGoOn = this.#socket.write(piece, 'latin1');
    if (pieces.length > 1) this.#socket.uncork();
    return mayGoOn;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #awake = (): void => {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}

/** Small pieces are joined, which costs less than handing them over one by one; large ones are not copied. */
function withSmallJoined(pieces: readonly (Buffer | string)[]): (Buffer | string)[] {
  const joined: (Buffer | string)[] = [];
  let small: Buffer[] = [];
  const join = (): void => {
    if (small.length > 0) joined.push(small.length === 1 ? (small[0] as Buffer) : Buffer.concat(small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length < largeOctets) small.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
    else {
      join();
      joined.push(piece);
    }
  }
  join();
  return joined;
}
