// An IMAP client for tests: sends bytes as they are and reads responses as they come. Everything is Latin-1 text.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export class ImapClient {
  socket: net.Socket;
  #received = '';
  #isClosed = false;
  #wake: (() => void) | undefined;
  #tags = 0;

  constructor(socket: net.Socket) {
    this.socket = socket;
    this.#listen();
  }

  /** @param from the address to come from, one of 127.0.0.0/8 */
  static async connect(port: number, from = '127.0.0.1'): Promise<ImapClient> {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new ImapClient(socket);
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake?.();
    });
    const close = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    this.socket.on('end', close).on('close', close).on('error', close);
  }

  /** Does a TLS handshake on the connection. */
  async secure(): Promise<void> {
    this.socket.removeAllListeners('data');
    const secured = tls.connect({ socket: this.socket, rejectUnauthorized: false });
    this.socket = secured;
    this.#received = '';
    this.#listen();
    await once(secured, 'secureConnect');
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** One response: a line with the literals in it, without the last CRLF. What came before the connection was closed when there is none. */
  async response(): Promise<string> {
    for (;;) {
      const whole = wholeResponse(this.#received);
      if (whole !== undefined || this.#isClosed) {
        const length = whole ?? this.#received.length;
        const taken = this.#received.slice(0, length);
        this.#received = this.#received.slice(length);
        return taken.replace(/\r\n$/, '');
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The responses up to the tagged one, or to a continuation request. */
  async responses(tag: string): Promise<string[]> {
    const all: string[] = [];
    for (;;) {
      const response = await this.response();
      if (response === '' && this.#isClosed) return all;
      all.push(response);
      if (response.startsWith(`${tag} `) || response.startsWith('+')) return all;
    }
  }

  /** Sends a command, with literals in it (`{3+}`), and gives all its responses without the tag: `['* 1 EXISTS', 'OK Done.']`. */
  async ask(command: string | Buffer): Promise<string[]> {
    const tag = `t${++this.#tags}`;
    this.send(`${tag} `);
    this.send(command);
    this.send('\r\n');
    const all = await this.responses(tag);
    return all.map((response) => (response.startsWith(`${tag} `) ? response.slice(tag.length + 1) : response));
  }

  /** The same, only the tagged answer. */
  async tagged(command: string | Buffer): Promise<string> {
    return (await this.ask(command)).at(-1) ?? '';
  }

  /** Waits for the other side to close; gives what it said before. */
  async closed(): Promise<string> {
    while (!this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    const rest = this.#received;
    this.#received = '';
    return rest;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** The length of the first response in a text; undefined when it is not whole. */
function wholeResponse(text: string): number | undefined {
  for (let from = 0; ; ) {
    const end = text.indexOf('\r\n', from);
    if (end < 0) return undefined;
    const literal = /\{(\d+)\}$/.exec(text.slice(from, end));
    if (literal === null) return end + 2;
    from = end + 2 + Number(literal[1]);
    if (text.length < from) return undefined;
  }
}
