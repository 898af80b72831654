// A POP3 client that only looks (RFC 1939): it never says DELE, and never QUIT, with which servers begin to change the mailbox (qmail-pop3d moves new mail to cur/, Dovecot marks as read
// what was fetched). Texts are fetched by TOP, since Courier marks as read what RETR fetches.

import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { TemporaryError } from '../../src/errors.js';
import { LineStream } from '../../src/net/line-stream.js';
import { ReplyWriter } from '../../src/net/reply-writer.js';
import { connectTo, patienceMs, placeOf, type ServerAddress, secured } from './server-address.js';

const longestLine = 16 * 1024 * 1024;
/** TOP with more lines than any message has. */
const allLines = 2_147_483_647;

export class Pop3Client {
  readonly #address: ServerAddress;
  #socket: Socket;
  #lines: LineStream;
  #writer: ReplyWriter;

  private constructor(socket: Socket, address: ServerAddress) {
    this.#address = address;
    this.#socket = socket;
    this.#lines = new LineStream(socket, { maxLineBytes: longestLine, idleMs: patienceMs });
    this.#writer = new ReplyWriter(socket);
  }

  /** A client that has read the greeting. @throws TemporaryError */
  static async open(address: ServerAddress, from?: string): Promise<Pop3Client> {
    const client = new Pop3Client(await connectTo(address, from), address);
    try {
      const greeting = await client.#line();
      if (!greeting.startsWith('+OK')) throw client.#trouble(`greets with ${greeting}`);
      if (address.tls === 'starttls') await client.#startTls();
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Gives the last answer: `+OK ...` when the login is good. @throws TemporaryError */
  async logIn(user: string, password: string): Promise<string> {
    const known = await this.#ask(`USER ${user}`);
    return known.startsWith('+OK') ? this.#ask(`PASS ${password}`) : known;
  }

  /** Message numbers with their unique ids, or sizes. @throws TemporaryError */
  async listing(command: 'UIDL' | 'LIST'): Promise<Map<number, string>> {
    await this.#askWell(command);
    const found = new Map<number, string>();
    for await (const line of this.#body()) {
      const [number = '', ...rest] = line.split(' ');
      found.set(Number(number), rest.join(' '));
    }
    return found;
  }

  /** A hash of a message's text: with LF line ends, and without the empty lines at its end, of which servers send more or fewer. @throws TemporaryError */
  async textHash(number: number): Promise<string> {
    const answer = await this.#ask(`TOP ${number} ${allLines}`);
    if (!answer.startsWith('+OK')) await this.#askWell(`RETR ${number}`);
    const hash = createHash('sha256');
    let empty = 0;
    for await (const line of this.#body()) {
      if (line === '') empty++;
      else {
        hash.update(`${'\n'.repeat(empty)}${line}\n`, 'latin1');
        empty = 0;
      }
    }
    return hash.digest('base64url').slice(0, 22);
  }

  /** Goes without a word. */
  close(): void {
    this.#socket.destroy();
  }

  async #startTls(): Promise<void> {
    await this.#askWell('STLS');
    this.#lines.detach();
    this.#writer.detach();
    this.#socket = await secured(this.#socket, this.#address.host);
    this.#lines = new LineStream(this.#socket, { maxLineBytes: longestLine, idleMs: patienceMs });
    this.#writer = new ReplyWriter(this.#socket);
  }

  async #askWell(command: string): Promise<string> {
    const answer = await this.#ask(command);
    if (!answer.startsWith('+OK')) throw this.#trouble(`answers ${command} with ${answer}`);
    return answer;
  }

  async #ask(command: string): Promise<string> {
    this.#writer.line(command);
    await this.#writer.flush();
    return this.#line();
  }

  async *#body(): AsyncGenerator<string> {
    for (let line = await this.#line(); line !== '.'; line = await this.#line())
      yield line.startsWith('.') ? line.slice(1) : line;
  }

  async #line(): Promise<string> {
    const line = await this.#lines.next();
    if (line === undefined) throw this.#trouble(`ended the connection (${this.#lines.ended})`);
    return line;
  }

  #trouble(text: string): TemporaryError {
    return new TemporaryError('4.4.2', `${placeOf(this.#address)} ${text}`);
  }
}
