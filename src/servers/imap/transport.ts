// The connection of one session, with what reads and writes on it. What it is can change in the middle of a session: STARTTLS and COMPRESS put something before it.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection } from '../../net/connection.js';
import { DeflatedConnection } from '../../net/deflated-connection.js';
import { LineStream } from '../../net/line-stream.js';
import { ReplyWriter } from '../../net/reply-writer.js';
import { passOn } from '../pass-on.js';
import { CommandInput } from './command-input.js';
import { ImapOutput } from './output.js';
import type { ImapLimits } from './server.js';

/** How long a client has to close its side after the last reply. */
const closingMs = 5_000;
/** Beyond the session's own time-outs a connection that does not move is cut. */
const cutAfterMs = 60_000;
const maxPieces = 1000;

export class ImapTransport {
  readonly #limits: ImapLimits;
  #socket: Socket;
  #connection: Connection;
  lines: LineStream;
  writer: ReplyWriter;
  input: CommandInput;
  output: ImapOutput;

  constructor(socket: Socket, limits: ImapLimits) {
    this.#limits = limits;
    this.#socket = socket;
    this.#connection = socket;
    this.lines = this.#newLines();
    this.writer = new ReplyWriter(socket);
    this.input = this.#newInput(limits.maxLiteralBytesBeforeLogin);
    this.output = new ImapOutput(this.writer);
  }

  #newLines(): LineStream {
    const { maxLineBytes, idleMs } = this.#limits;
    return new LineStream(this.#connection, { maxLineBytes, idleMs: idleMs + cutAfterMs });
  }

  #newInput(maxLiteralBytes: number): CommandInput {
    return new CommandInput(this.lines, this.writer, { maxLiteralBytes, maxPieces });
  }

  /** Undefined: there is no TLS, here. */
  get tls(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined;
  }

  get isCompressed(): boolean {
    return this.#connection !== this.#socket;
  }

  /** From here on literals may be larger. */
  trust(): void {
    this.input.limits = { maxLiteralBytes: this.#limits.maxLiteralBytes, maxPieces };
  }

  /** Does a TLS handshake. What was sent in clear before it counts for nothing (RFC 9051 6.2.1). @throws Error when it fails; the socket is destroyed */
  async secure(handshake: (socket: Socket) => Promise<TLSSocket>): Promise<void> {
    // Before the answer leaves: what comes behind it belongs to the handshake.
    this.lines.detach();
    await this.writer.flush();
    this.writer.detach();
    this.#socket = await handshake(this.#socket);
    this.#become(this.#socket, this.#limits.maxLiteralBytesBeforeLogin);
  }

  /** From here on both sides compress. */
  async compress(): Promise<void> {
    const sentAhead = this.lines.detach();
    await this.writer.flush();
    this.writer.detach();
    const connection = new DeflatedConnection(this.#socket, sentAhead);
    connection.on('error', () => {});
    this.#become(connection, this.#limits.maxLiteralBytes);
  }

  #become(connection: Connection, maxLiteralBytes: number): void {
    this.#connection = connection;
    this.lines = this.#newLines();
    this.writer = new ReplyWriter(connection);
    this.input = this.#newInput(maxLiteralBytes);
    this.output = new ImapOutput(this.writer);
  }

  /** Passes the connection on to another process. Resolves when both are closed. */
  async passOnTo(other: Socket): Promise<void> {
    await this.writer.flush();
    const sentAhead = this.lines.detach();
    this.writer.detach();
    await passOn(this.#socket, other, sentAhead);
  }

  /** Sends what is left. The client should close its side then; one that does not is cut off. */
  close(): void {
    if (this.#connection.destroyed) return;
    this.writer.end();
    this.lines.stop();
    this.#connection.resume();
    this.lines.setIdle(closingMs);
  }
}
