// The bytes of one connection, cut into command lines and message data. It stands in the place of the library's parser, which ends commands at a lone CR LF or LF
// too, but turns every chunk into text, hands each command over as a new buffer, and lets the bare line feeds of a message pass.
//
// A command ends at LF. Between chunks the part of a line that has come so far is kept, up to the limit. Replies that were written while a chunk was worked through
// are flushed when it is used up or something has to be waited for, so pipelined commands are answered in one packet, as by qmail-smtpd. A chunk
// full of commands gives way to other connections after every hundred of them.

import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import type { SessionState } from './session.js';

/** Who the bytes are for. */
export interface InputReceiver {
  readonly state: SessionState;
  line(line: string): void | Promise<void>;
  lineTooLong(): void;
  data(chunk: Buffer, start: number): number | Promise<number>;
  /** Sends the replies that were collected. */
  flush(): void;
  /** Gives a promise when the client has to read some of its replies before more are made; undefined when it has not. */
  waitForReader(): Promise<void> | undefined;
  /** Nothing more will come. */
  end(): void;
}

const lf = 0x0a;
const commandsInARow = 100;

export class SmtpInput extends SMTPStream {
  #receiver: InputReceiver | undefined;
  #longestLine = 0;
  #line = '';
  #chunk: Buffer = Buffer.alloc(0);
  #offset = 0;
  #next: (error?: Error | null) => void = () => {};
  /** Message bytes since the last look at them. */
  dataBytesSeen = 0;

  /** Says who gets the bytes; nothing may come in before. */
  attach(receiver: InputReceiver, longestLine: number): void {
    this.#receiver = receiver;
    this.#longestLine = longestLine;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    this.#chunk = chunk;
    this.#offset = 0;
    this.#next = next;
    this.#run();
  }

  /** The client will send nothing more: called when the stream has ended, after what came before has been worked through. */
  override _flushData(): void {
    if (!this.isClosed) this.#receiver?.end();
  }

  #run(): void {
    const pending = this.#workThrough();
    if (pending !== undefined) this.#receiver?.flush();
    pending?.then(
      () => this.#run(),
      (error: Error) => this.#next(error),
    );
    if (pending === undefined) this.#finishChunk();
  }

  /** Takes what is in the chunk; gives a promise when something has to be waited for. */
  #workThrough(): Promise<unknown> | undefined {
    for (let commands = 0; this.#hasMore(); commands++) {
      if (commands === commandsInARow) return new Promise((resolve) => setImmediate(resolve));
      const pending = this.#step();
      if (pending !== undefined) return pending;
    }
    return undefined;
  }

  #finishChunk(): void {
    this.#receiver?.flush();
    const pending = this.#receiver?.waitForReader();
    if (pending === undefined) this.#next();
    else void pending.then(() => this.#next());
  }

  #hasMore(): boolean {
    const state = this.#receiver?.state;
    // Behind STARTTLS nothing counts that came in clear.
    return this.#offset < this.#chunk.length && !this.isClosed && state !== 'over' && state !== 'handshake';
  }

  #step(): Promise<unknown> | undefined {
    return this.#receiver?.state === 'data' ? this.#takeData(this.#receiver) : this.#takeLine(this.#receiver);
  }

  #takeData(receiver: InputReceiver): Promise<unknown> | undefined {
    const start = this.#offset;
    const taken = (offset: number): void => {
      this.#offset = offset;
    };
    const offset = receiver.data(this.#chunk, start);
    this.dataBytesSeen += this.#chunk.length - start;
    if (typeof offset === 'number') taken(offset);
    else return offset.then(taken);
  }

  #takeLine(receiver: InputReceiver | undefined): Promise<unknown> | undefined {
    const end = this.#chunk.indexOf(lf, this.#offset);
    const part = this.#chunk.toString('latin1', this.#offset, end < 0 ? this.#chunk.length : end);
    const line = this.#line === '' ? part : this.#line + part;
    this.#offset = end < 0 ? this.#chunk.length : end + 1;
    this.#line = end < 0 ? line : '';
    if (line.length > this.#longestLine) receiver?.lineTooLong();
    else if (end >= 0) return receiver?.line(line) ?? undefined;
  }
}
