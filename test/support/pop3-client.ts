// A POP3 client for tests: sends bytes as they are and reads replies as they come. Everything is Latin-1 text.

import net from 'node:net';

const withLines = /^(?:LIST|UIDL|CAPA) *$|^(?:RETR|TOP)(?: |$)/i;

export class Pop3Client {
  readonly socket: net.Socket;
  #received = '';
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake?.();
    });
    const close = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    socket.on('end', close).on('close', close).on('error', close);
  }

  /** @param from the address to come from, one of 127.0.0.0/8 */
  static connect(port: number, from = '127.0.0.1'): Promise<Pop3Client> {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true });
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(new Pop3Client(socket)));
      socket.once('error', reject);
    });
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** One line with its end; what came before the connection was closed when there is none. */
  async line(): Promise<string> {
    return this.#take(/^[^\n]*\n/);
  }

  /** The whole reply to a command: several lines where the command has such a reply and was not refused. */
  async reply(command: string): Promise<string> {
    const first = await this.line();
    if (!first.startsWith('+OK') || !withLines.test(command)) return first;
    return first + (await this.#take(/^(?:[^.\n][^\n]*\n|\n|\.[^\r\n][^\n]*\n)*\.\r\n/));
  }

  /** Sends a command and gives its reply. */
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.reply(command);
  }

  /** Reads the banner and logs in; gives the reply to PASS. */
  async logIn(user: string, password: string): Promise<string> {
    await this.line();
    await this.ask(`USER ${user}`);
    return this.ask(`PASS ${password}`);
  }

  /** Waits for the other side to close; gives what it said before. */
  async closed(): Promise<string> {
    while (!this.#isClosed) await this.#more();
    const rest = this.#received;
    this.#received = '';
    return rest;
  }

  halfClose(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #take(whole: RegExp): Promise<string> {
    for (;;) {
      const found = whole.exec(this.#received)?.[0];
      if (found !== undefined || this.#isClosed) {
        const taken = found ?? this.#received;
        this.#received = this.#received.slice(taken.length);
        return taken;
      }
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
