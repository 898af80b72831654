// One connection of a Postfix process: requests in, answers out, in order. A request is one netstring, `MAPNAME KEY`:
//
//   26:recipients test@example.jp,   ->   5:OK OK,
//
// Requests that are sent ahead wait for their turn; while many wait the other side is held back, as it is while it does not take its answers. A broken
// netstring is answered PERM and ends the connection, since nobody can tell where the next one begins. Trouble with the host's files is TEMP and a log line, a defect is
// TEMP and its stack.
//
// The connection ends when the other side closes (what it has sent whole is answered first), after `idleMs` without a request (Postfix closes its own after 10 seconds), when a
// request or an answer is not through within `requestMs`, and at `drain`.

import type { Socket } from 'node:net';
import { CorruptFileError, describe, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { NetstringDecoder, NetstringError } from '../../protocols/netstring.js';
import { type Answer, encodeAnswer } from './answer.js';
import { findMap, type MapSource, mapNames } from './maps.js';

export interface PostmapLimits {
  readonly maxRequestBytes: number;
  /** How long there may be no request. */
  readonly idleMs: number;
  /** How long a request may take to come in, and an answer to be taken. */
  readonly requestMs: number;
}

/** What all connections share. */
export interface ConnectionContext {
  readonly source: MapSource;
  readonly log: Log;
  readonly limits: PostmapLimits;
}

/** Bytes of waiting requests at which the other side is held back. */
const enoughBytes = 64 * 1024;

export class PostmapConnection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder: NetstringDecoder;
  /** No more bytes come in, or none are wanted. */
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#decoder = new NetstringDecoder(context.limits.maxRequestBytes);
  }

  /** Serves it; resolves when it is over. Does not throw. */
  async run(): Promise<void> {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk)).on('drain', this.#awake);
    for (const end of ['end', 'close', 'error'] as const) socket.on(end, this.#end);
    socket.resume();
    try {
      for (let request = await this.#next(); request !== undefined; request = await this.#next())
        await this.#send(await this.#answer(request.toString('latin1')));
      this.#close();
    } catch (error) {
      await this.#refuse(error);
    }
  }

  /** Answers what is here already, and ends. */
  drain(): void {
    this.#end();
  }

  /** The next request; undefined when there is none any more. @throws NetstringError */
  async #next(): Promise<Buffer | undefined> {
    let deadline: number | undefined;
    for (;;) {
      const request = this.#decoder.next();
      const isWanting = request === undefined || this.#decoder.waitingBytes < enoughBytes;
      if (isWanting && this.#socket.isPaused()) this.#socket.resume();
      if (request !== undefined) return request;
      if (this.#isOver) return undefined;
      const { idleMs, requestMs } = this.#context.limits;
      if (this.#decoder.isAmidst) deadline ??= performance.now() + requestMs;
      const isLate = !(await this.#awaken(deadline === undefined ? idleMs : deadline - performance.now()));
      if (isLate) return undefined;
    }
  }

  async #answer(request: string): Promise<Answer> {
    const space = request.indexOf(' ');
    if (space < 0) return { kind: 'permanent', reason: 'a request is the name of a map, a space and a key' };
    const name = request.slice(0, space);
    const lookUp = findMap(name);
    if (lookUp === undefined) {
      const reason = `there is no map ${shown(name)}; there are ${mapNames.join(', ')}`;
      this.#context.log.warning(`postmap: ${reason}`);
      return { kind: 'permanent', reason };
    }
    const answer = await this.#lookUp(() => lookUp(this.#context.source, request.slice(space + 1)));
    if (answer.kind === 'temporary')
      this.#context.log.warning(`postmap: ${shown(request)}: ${answer.cause ?? answer.reason}`);
    return answer;
  }

  async #lookUp(look: () => Answer | Promise<Answer>): Promise<Answer> {
    try {
      return await look();
    } catch (error) {
      if (error instanceof TemporaryError) return { kind: 'temporary', reason: error.message, cause: describe(error) };
      const reason = 'temporary trouble with a file of this host';
      if (error instanceof CorruptFileError) return { kind: 'temporary', reason, cause: describe(error) };
      this.#context.log.alert(`postmap: ${error instanceof Error ? error.stack : String(error)}`);
      return { kind: 'temporary', reason: 'temporary trouble on this host', cause: 'a defect' };
    }
  }

  /** Sends an answer; when it is not taken in time the connection is cut. */
  async #send(answer: Answer): Promise<void> {
    const socket = this.#socket;
    if (!socket.writable || socket.write(encodeAnswer(answer))) return;
    const deadline = performance.now() + this.#context.limits.requestMs;
    while (socket.writableNeedDrain && !socket.destroyed) {
      if (!(await this.#awaken(deadline - performance.now()))) socket.destroy();
    }
  }

  async #refuse(error: unknown): Promise<void> {
    const isBroken = error instanceof NetstringError;
    const text = error instanceof Error ? error.message : String(error);
    if (isBroken) this.#context.log.warning(`postmap: a broken request: ${text}`);
    else this.#context.log.alert(`postmap: ${error instanceof Error ? error.stack : text}`);
    await this.#send({ kind: 'permanent', reason: isBroken ? `not a netstring: ${text}` : 'trouble' });
    this.#close();
  }

  #close(): void {
    // What is still sent is thrown away, so that the last answer is not lost in a reset.
    this.#isOver = true;
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), this.#context.limits.requestMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroySoon());
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#decoder.push(chunk);
    if (this.#decoder.waitingBytes >= enoughBytes) this.#socket.pause();
    this.#awake();
  }

  /** Waits until something happens. @returns false when nothing did within `ms` */
  #awaken(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#wake = undefined;
          resolve(false);
        },
        Math.max(0, ms),
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #awake = (): void => {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };

  #end = (): void => {
    this.#isOver = true;
    this.#awake();
  };
}

function shown(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
