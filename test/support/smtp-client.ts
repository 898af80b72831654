// A client for tests that sends exactly the bytes it is told and hands out replies one by one, multi-line replies as a whole. Text is Latin-1.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** How long a reply may take before the test fails: far longer than any takes. */
const patienceMs = 20_000;

export class SmtpClient {
  #socket: net.Socket;
  #received = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  #listen(socket: net.Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    const ended = (): void => {
      this.#isClosed = true;
      this.#wake();
    };
    // As real clients do, it closes when the server has.
    socket.on('end', () => socket.end());
    socket.on('end', ended);
    socket.on('close', ended);
    socket.on('error', ended);
  }

  /** @param from the client's own address, one of 127.0.0.0/8 */
  static connect(port: number, from = '127.0.0.1', host = '127.0.0.1'): Promise<SmtpClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host, localAddress: from, allowHalfOpen: true, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new SmtpClient(socket));
      });
    });
  }

  /** @param path of a unix socket */
  static async connectAt(path: string): Promise<SmtpClient> {
    const socket = net.connect({ path, allowHalfOpen: true });
    await once(socket, 'connect');
    return new SmtpClient(socket);
  }

  /** A client of a server on which TLS comes first. */
  static async connectSecured(port: number, options: tls.ConnectionOptions = {}): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port);
    await client.secure(options);
    return client;
  }

  /** Does the TLS handshake; what the server said before and nobody has asked for is forgotten. @throws Error when it fails */
  async secure(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const plain = this.#socket;
    for (const event of ['data', 'end', 'close', 'error']) plain.removeAllListeners(event);
    plain.on('error', () => {});
    this.#received = '';
    const secured = tls.connect({ socket: plain, rejectUnauthorized: false, ...options });
    this.#socket = secured;
    await new Promise<void>((resolve, reject) => {
      secured.once('secureConnect', resolve).once('error', reject);
      secured.once('close', () => reject(new Error('closed during the handshake')));
    });
    this.#listen(secured);
    return secured;
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next reply without its last CRLF; undefined when the server has closed instead. */
  async reply(): Promise<string | undefined> {
    for (;;) {
      const reply = /^(?:\d{3}-[^\n]*\n)*(?:\d{3}(?: [^\n]*)?\r\n)/.exec(this.#received)?.[0];
      if (reply !== undefined) {
        this.#received = this.#received.slice(reply.length);
        return reply.slice(0, -2);
      }
      if (this.#isClosed) return undefined;
      await this.#news();
    }
  }

  /** Sends a line and gives its reply. */
  async command(line: string): Promise<string | undefined> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** Settles when the server has closed its side; gives what it said before that and nobody has asked for. */
  async closed(): Promise<string> {
    while (!this.#isClosed) await this.#news();
    return this.#received;
  }

  /** Sends nothing more, but still reads. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Leaves what the server says in the kernel. */
  stopReading(): void {
    this.#socket.pause();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no reply; so far: ${JSON.stringify(this.#received)}`)),
        patienceMs,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
