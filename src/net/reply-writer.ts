// What a server writes on a connection: replies as text, message data as bytes, in order and with back pressure.
//
// Text is gathered until `flush`, so that the replies to commands sent ahead leave in one packet. Bytes follow the text before them at once. `flush` and `data` resolve when the
// other side has taken enough to go on: a slow reader holds its own session up and fills no memory. After the connection broke everything is dropped without an error;
// the session learns of it from its lines.

import type { Socket } from 'node:net';

const gatherBytes = 32 * 1024;

export class ReplyWriter {
  readonly #socket: Socket;
  #text = '';
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
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

  /** Whether so much text has gathered that it should be flushed even though more follows. */
  get isFull(): boolean {
    return this.#text.length >= gatherBytes;
  }

  /** Sends the gathered text. */
  flush(): Promise<void> | undefined {
    if (this.#text === '') return undefined;
    const text = this.#text;
    this.#text = '';
    return this.isBroken || this.#socket.write(text, 'latin1') ? undefined : this.#drained();
  }

  /** Sends the gathered text and then these bytes, in one packet where they fit. */
  data(bytes: Buffer): Promise<void> | undefined {
    if (this.isBroken) return undefined;
    this.#socket.cork();
    if (this.#text !== '') this.#socket.write(this.#text, 'latin1');
    this.#text = '';
    const mayGoOn = this.#socket.write(bytes);
    this.#socket.uncork();
    return mayGoOn ? undefined : this.#drained();
  }

  /** Sends what is left and closes the connection in an orderly way. */
  end(): void {
    if (this.isBroken) this.#socket.destroy();
    else this.#socket.end(this.#text, 'latin1');
    this.#text = '';
  }

  /** Leaves the socket to another owner. */
  detach(): void {
    this.#socket.off('drain', this.#awake).off('close', this.#awake).off('error', this.#awake);
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
