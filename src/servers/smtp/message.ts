// One message between `354 go ahead` and the reply to its end: decoded, measured and handed on chunk by chunk (formats/qmail.md 2.5).
//
//   what is found                      when it is told            what becomes of the bytes
//   a LF without CR                    at once, session ends      thrown away
//   100 hops or more                   after the end mark, 554    thrown away from there on, the rest is read
//   more than databytes                after the end mark, 552    thrown away from there on, the rest is read
//   the client is gone, or too slow    never                      thrown away
//
// Thrown away means that IncomingMessage.abort was called: nothing of the message is on disk any more. Hops are told before size, as qmail-smtpd does.

import type { IncomingMessage } from '../../delivery/accept.js';
import { HeaderScanner } from '../../mail/header.js';
import { type DataStatus, SmtpDataDecoder } from '../../protocols/smtp-data.js';
import { replies } from './replies.js';

/** Hops from which on a message is looping. */
const hopLimit = 100;

export class MessageInput {
  readonly #incoming: IncomingMessage;
  readonly #limitBytes: number;
  readonly #decoder = new SmtpDataDecoder();
  readonly #header = new HeaderScanner();
  #over = false;
  #aborted: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param limitBytes the greatest size as stored; 0 for none */
  constructor(incoming: IncomingMessage, limitBytes: number) {
    this.#incoming = incoming;
    this.#limitBytes = limitBytes;
  }

  get status(): DataStatus {
    return this.#decoder.status;
  }

  /** Where in the last chunk the next command starts, once the status is `end`. */
  get nextOffset(): number {
    return this.#decoder.nextOffset;
  }

  get sizeBytes(): number {
    return this.#decoder.sizeBytes;
  }

  /** The queue's number, once it is safe, when some of its recipients are the queue's. */
  get queuedAs(): number | undefined {
    return this.#incoming.queuedAs;
  }

  /** Takes the next bytes off the socket. When a promise is returned, it has to be waited for. Never throws and never rejects. */
  feed(chunk: Buffer, start: number): void | Promise<void> {
    const body = this.#decoder.decode(chunk, start);
    if (this.#over || body.length === 0) return;
    this.#header.write(body);
    if (this.status === 'stray-lf' || this.#reply() !== undefined) return this.abort();
    try {
      return this.#incoming.write(body)?.catch((error: unknown) => this.#fail(error));
    } catch (error) {
      return this.#fail(error);
    }
  }

  /**
   * Ends the message after its end mark. Gives the reply when it is refused for what it is, undefined when it is safe on disk.
   * @throws what IncomingMessage.commit throws
   */
  async finish(): Promise<string | undefined> {
    const reply = this.#reply();
    if (reply !== undefined) {
      await this.abort();
      return reply;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#over = true;
    await this.#incoming.commit();
    return undefined;
  }

  /** Forgets the message. Does nothing once it has been committed; settles when nothing of it is left. */
  async abort(): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      // What abort may throw is about removing temporary files: delivery's to log, and no client's business.
      this.#aborted = this.#incoming.abort().catch(() => {});
    }
    await this.#aborted;
  }

  #reply(): string | undefined {
    if (this.#header.hops >= hopLimit) return replies.tooManyHops;
    return this.#limitBytes > 0 && this.sizeBytes > this.#limitBytes ? replies.tooBig : undefined;
  }

  #fail(error: unknown): Promise<void> {
    this.#failure = { error };
    return this.abort();
  }
}
