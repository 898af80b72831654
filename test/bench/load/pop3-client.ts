// The client side of POP3 for load. Answers of several lines are not kept, only counted: what is measured is the server.

import net from 'node:net';
import type { Endpoint } from './smtp-client.js';

/** What one answer looks like: a line, or a line and what follows it up to CRLF.CRLF. */
type AnswerKind = 'line' | 'lines';

const terminator = Buffer.from('\r\n.\r\n');
const endOfLine = 10;

export class Pop3Client {
  readonly #socket: net.Socket;
  #expected: AnswerKind[] = [];
  #inside = false;
  #unfinished = '';
  #resolve: (() => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  /** Bytes of the answers of several lines so far, without their first lines and with their last. */
  bytes = 0;
  /** The last single line. */
  lastLine = '';

  private constructor({ port, localAddress }: Endpoint) {
    this.#socket = net.connect({
      host: '127.0.0.1',
      port,
      localAddress,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(256 * 1024),
        callback: (length: number, bytes: Uint8Array): boolean => {
          this.#read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Connects, waits for the greeting and logs in, one command after another as mail programs do. */
  static async login(endpoint: Endpoint, user: string, password: string): Promise<Pop3Client> {
    const client = new Pop3Client(endpoint);
    await client.#answers(['line']);
    await client.send(`USER ${user}\r\n`, ['line']);
    await client.send(`PASS ${password}\r\n`, ['line']);
    return client;
  }

  /** Writes commands and waits for the answers of these kinds. @throws Error when one is not +OK */
  async send(commands: string, answers: readonly AnswerKind[]): Promise<void> {
    const all = this.#answers(answers);
    this.#socket.write(commands);
    await all;
  }

  async quit(): Promise<void> {
    await this.send('QUIT\r\n', ['line']);
    this.#socket.destroy();
  }

  #answers(kinds: readonly AnswerKind[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#expected = [...kinds];
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#reject?.(this.#failure);
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#failure === undefined)
      at = this.#inside ? this.#body(chunk, at) : this.#line(chunk, at);
  }

  #line(chunk: Buffer, start: number): number {
    const end = chunk.indexOf(endOfLine, start);
    if (end === -1) {
      this.#unfinished += chunk.toString('latin1', start);
      return chunk.length;
    }
    this.lastLine = this.#unfinished + chunk.toString('latin1', start, end);
    this.#unfinished = '';
    if (!this.lastLine.startsWith('+OK')) this.#fail(new Error(`expected +OK: ${this.lastLine}`));
    else if (this.#expected[0] === 'lines') this.#begin();
    else this.#answered();
    return end + 1;
  }

  #begin(): void {
    this.#inside = true;
    // The CRLF of the first line is part of the terminator of an empty body.
    this.#unfinished = '\r\n';
  }

  /** Looks for the terminator, first where it lies across the boundary of two chunks. `#unfinished` holds the last 4 bytes of the body. */
  #body(chunk: Buffer, start: number): number {
    const seam = this.#unfinished + chunk.toString('latin1', start, start + 4);
    const inSeam = seam.indexOf('\r\n.\r\n');
    const found = inSeam === -1 ? chunk.indexOf(terminator, start) : start + inSeam - this.#unfinished.length;
    if (found === -1) {
      this.bytes += chunk.length - start;
      this.#unfinished = (this.#unfinished + chunk.toString('latin1', Math.max(start, chunk.length - 4))).slice(-4);
      return chunk.length;
    }
    const end = found + terminator.length;
    this.bytes += end - start;
    this.#inside = false;
    this.#unfinished = '';
    this.#answered();
    return end;
  }

  #answered(): void {
    this.#expected.shift();
    if (this.#expected.length === 0) this.#resolve?.();
  }
}
