// The client side of IMAP for load: one connection. Answers are not kept, only counted: what is measured is the server.

import { once } from 'node:events';
import net from 'node:net';

/** Longer than a tagged line. */
const keptBytes = 512;

export class ImapLoadClient {
  readonly #socket: net.Socket;
  #end = '';
  #tags = 0;
  #wake: (() => void) | undefined;
  /** Of all that came. */
  bytes = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.bytes += piece.length;
      this.#end = (this.#end + piece.toString('latin1', Math.max(0, piece.length - keptBytes))).slice(-keptBytes);
      this.#wake?.();
    });
    socket.on('close', () => this.#wake?.());
  }

  static async logIn(port: number, user: string, password: string): Promise<ImapLoadClient> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const client = new ImapLoadClient(socket);
    await client.ask(`LOGIN ${user} ${password}`);
    return client;
  }

  /** @throws Error when the answer is not OK */
  async ask(command: string): Promise<void> {
    const tag = `b${++this.#tags}`;
    this.#socket.write(`${tag} ${command}\r\n`);
    const tagged = new RegExp(`(?:^|\\n)${tag} ([A-Z]+) .*\\r\\n$`);
    for (;;) {
      const found = tagged.exec(this.#end);
      if (found?.[1] === 'OK') return;
      if (found !== null) throw new Error(`${command}: ${found[0]}`);
      if (this.#socket.destroyed) throw new Error(`${command}: the connection was closed`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
