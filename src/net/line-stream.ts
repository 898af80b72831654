// The lines that come in on a connection, for the text protocols that this project speaks itself (POP3, IMAP), and the bytes between them that a line has announced.
//
// A line ends at LF; one CR before it is dropped; bare CRs belong to the line. Lines are Latin-1 text. What stands behind the last LF when the other side closes is no
// line and is dropped. Lines may arrive many in a packet or one byte at a time; a command that was sent ahead is kept until it is asked for, across
// whatever happens in between, and while nobody asks the sender is held back after `maxWaitingBytes`.
//
// The stream ends when the other side closes or resets, when a line grows longer than `maxLineBytes`, when `stop` is called, or when the other side does nothing for
// `idleMs` while it is waited for: for a line, or for what was sent to be taken; then the connection is cut. `ended` says which. Time that our side takes does not count.

import type { Connection } from './connection.js';

export type StreamEnd = 'closed' | 'idle' | 'line-too-long' | 'stopped';

export interface LineStreamOptions {
  readonly maxLineBytes: number;
  readonly idleMs: number;
  /** Bytes that came before, when another owner has read from the socket already. */
  readonly initial?: Buffer;
}

const LF = 10;
const CR = 13;
const maxWaitingBytes = 64 * 1024;
const nothing = Buffer.alloc(0);

export class LineStream implements AsyncIterable<string> {
  readonly #socket: Connection;
  readonly #maxLineBytes: number;
  /** More than a line may have, or whoever waits for one would wait for ever. */
  readonly #maxWaitingBytes: number;
  #buffer: Buffer;
  /** Where the LF of the next line is; -1: not there yet. */
  #lineFeed: number;
  #idleMs: number;
  #ended: StreamEnd | undefined;
  /** Looks whether what somebody waits for has come. */
  #wake: (() => void) | undefined;

  constructor(socket: Connection, options: LineStreamOptions) {
    this.#socket = socket;
    this.#maxLineBytes = options.maxLineBytes;
    this.#maxWaitingBytes = Math.max(maxWaitingBytes, options.maxLineBytes + 1);
    this.#buffer = options.initial ?? nothing;
    this.#lineFeed = this.#buffer.indexOf(LF);
    socket.on('data', this.#onData).on('end', this.#onClose).on('close', this.#onClose).on('timeout', this.#onIdle);
    this.#idleMs = options.idleMs;
    socket.setTimeout(options.idleMs);
    socket.resume();
  }

  get ended(): StreamEnd | undefined {
    return this.#ended;
  }

  /** Whether the next line is here already, so that replies may wait for those to the lines behind it. */
  get hasLine(): boolean {
    return this.#lineFeed >= 0;
  }

  /** Changes how long the other side may do nothing. */
  setIdle(idleMs: number): void {
    this.#idleMs = idleMs;
    this.#socket.setTimeout(idleMs);
  }

  /** The next line, without its end; undefined when the stream has ended. */
  next(): Promise<string | undefined> {
    // Not an async function: thousands of sessions wait here, each of which would keep what such a function needs to go on.
    return new Promise((resolve) => {
      this.#wake = (): void => {
        if (this.#lineFeed < 0 && this.#buffer.length > this.#maxLineBytes) this.#ended ??= 'line-too-long';
        if (this.#lineFeed < 0 && this.#ended === undefined) return;
        this.#wake = undefined;
        resolve(this.#lineFeed < 0 || this.#ended === 'stopped' ? undefined : this.#takeLine());
      };
      this.#wake();
    });
  }

  /** The next bytes, at least one and at most `most`, whatever they are; undefined when the stream has ended. */
  async piece(most: number): Promise<Buffer | undefined> {
    while (this.#buffer.length === 0 && this.#ended === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = (): void => {
          this.#wake = undefined;
          resolve();
        };
      });
    if (this.#buffer.length === 0 || this.#ended === 'stopped') return undefined;
    return this.#takeBytes(Math.min(most, this.#buffer.length));
  }

  /** Exactly so many bytes, which must be few enough to be kept; undefined when the stream ends before. */
  async bytes(count: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let missing = count; missing > 0; ) {
      const piece = await this.piece(missing);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      missing -= piece.length;
    }
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (let line = await this.next(); line !== undefined; line = await this.next()) yield line;
  }

  /** Ends the stream for a reason of ours: who waits for a line gets none. Lines that are here are not given out any more. */
  stop(): void {
    this.#end('stopped');
  }

  /** Leaves the socket to another owner, paused. Gives the bytes that nobody has asked for. */
  detach(): Buffer {
    const socket = this.#socket;
    socket.pause();
    socket.off('data', this.#onData).off('end', this.#onClose).off('close', this.#onClose).off('timeout', this.#onIdle);
    socket.setTimeout(0);
    const rest = this.#buffer;
    this.#buffer = nothing;
    this.#lineFeed = -1;
    this.#end('stopped');
    return rest;
  }

  #takeLine(): string | undefined {
    const lineFeed = this.#lineFeed;
    if (lineFeed > this.#maxLineBytes) {
      this.#end('line-too-long');
      return undefined;
    }
    const end = lineFeed > 0 && this.#buffer[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
    const line = this.#buffer.toString('latin1', 0, end);
    this.#takeBytes(lineFeed + 1);
    return line;
  }

  #takeBytes(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    // What is empty keeps no piece of what came in.
    this.#buffer = count === this.#buffer.length ? nothing : this.#buffer.subarray(count);
    this.#lineFeed = this.#buffer.indexOf(LF);
    if (this.#socket.isPaused() && this.#buffer.length < this.#maxWaitingBytes) this.#socket.resume();
    return taken;
  }

  #onData = (chunk: Buffer): void => {
    const waiting = this.#buffer.length;
    this.#buffer = waiting === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    if (this.#lineFeed < 0) {
      const found = chunk.indexOf(LF);
      if (found >= 0) this.#lineFeed = waiting + found;
    }
    if (this.#buffer.length >= this.#maxWaitingBytes) this.#socket.pause();
    this.#wake?.();
  };

  #onClose = (): void => this.#end('closed');

  #onIdle = (): void => {
    const isWaitedFor = this.#wake !== undefined || this.#socket.writableNeedDrain || this.#ended !== undefined;
    if (!isWaitedFor) return void this.#socket.setTimeout(this.#idleMs);
    this.#end('idle');
    this.#socket.destroy();
  };

  #end(why: StreamEnd): void {
    this.#ended ??= why;
    this.#wake?.();
  }
}
