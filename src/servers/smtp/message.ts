// One message between `354 go ahead` and the reply to its end: decoded, measured and handed on chunk by chunk (formats/qmail.md 2.5).
//
//   what is found                      when it is told            what becomes of the bytes
//   a LF without CR                    at once, session ends      thrown away
//   100 hops or more                   after the end mark, 554    thrown away from there on, the rest is read
//   more than databytes                after the end mark, 552    thrown away from there on, the rest is read
//   a From that is not the user's      after the end mark, 550    thrown away then
//   the client is gone, or too slow    never                      thrown away
//
// Thrown away means that IncomingMessage.abort was called: nothing of the message is on disk any more. Hops are told before size, as qmail-smtpd does.

import type { IncomingMessage } from '../../delivery/accept.js';
import { HeaderScanner } from '../../mail/header.js';
import type { MissingFields } from '../../mail/missing-fields.js';
import { type DataStatus, SmtpDataDecoder } from '../../protocols/smtp-data.js';
import { replies } from './replies.js';
import type { FromCheck } from './submission/from-check.js';

/** Hops from which on a message is looping. */
const hopLimit = 100;

const nothing = Buffer.alloc(0);

/** How a part of a message ended: refused for what it is, safe on disk, or failed. */
export type PartEnd =
  | { readonly kind: 'refused'; readonly reply: string }
  /** `queuedAs`: the queue's number, when some of its recipients are the queue's. */
  | { readonly kind: 'accepted'; readonly queuedAs: number | undefined }
  | { readonly kind: 'failed'; readonly error: unknown };

/** What is done with a user's message on its way in. */
export interface UserRules {
  /** What is added to the header where it is missing. */
  readonly fields: MissingFields;
  /** Looks at what the message says of itself. */
  readonly check?: FromCheck | undefined;
}

/** One of the messages that a client's message becomes: one by SMTP, one for each recipient by LMTP. */
interface Part {
  readonly incoming: IncomingMessage;
  failure: { readonly error: unknown } | undefined;
}

export class MessageInput {
  readonly #parts: readonly Part[];
  readonly #limitBytes: number;
  readonly #decoder = new SmtpDataDecoder();
  readonly #header = new HeaderScanner();
  readonly #rules: UserRules | undefined;
  #over = false;
  #aborted: Promise<void> | undefined;

  /**
   * @param limitBytes the greatest size as stored; 0 for none
   */
  constructor(incoming: readonly IncomingMessage[], limitBytes: number, rules?: UserRules) {
    this.#rules = rules;
    this.#parts = incoming.map((message) => ({ incoming: message, failure: undefined }));
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

  /** Takes the next bytes off the socket. When a promise is returned, it has to be waited for. Never throws and never rejects. */
  feed(chunk: Buffer, start: number): void | Promise<void> {
    const body = this.#decoder.decode(chunk, start);
    if (this.#over || body.length === 0) return;
    this.#header.write(body);
    if (this.status === 'stray-lf' || this.#reply() !== undefined) return this.abort();
    this.#rules?.check?.write(body);
    return this.#store(this.#rules?.fields.write(body) ?? body);
  }

  /** Ends the message after its end mark. Says how each part ended, in order. */
  async finish(): Promise<readonly PartEnd[]> {
    const refused = await this.#refused();
    if (refused !== undefined) {
      await this.abort();
      return this.#parts.map(() => refused);
    }
    await this.#store(this.#rules?.fields.end() ?? nothing);
    this.#over = true;
    return Promise.all(this.#parts.map(commit));
  }

  /** Forgets the message. Does nothing once it has been committed; settles when nothing of it is left. */
  async abort(): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      // What abort may throw is about removing temporary files: delivery's to log, and no client's business.
      const left = this.#parts.filter(({ failure }) => failure === undefined);
      this.#aborted = Promise.all(left.map(({ incoming }) => incoming.abort().catch(() => {}))).then(() => {});
    }
    await this.#aborted;
  }

  #store(bytes: Buffer): void | Promise<void> {
    if (bytes.length === 0) return;
    const [only, ...others] = this.#parts;
    if (only !== undefined && others.length === 0) return write(only, bytes);
    const waits = this.#parts.map((part) => write(part, bytes)).filter((wait) => wait !== undefined);
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }

  async #refused(): Promise<PartEnd | undefined> {
    try {
      const reply = this.#reply() ?? (await this.#rules?.check?.refusal());
      return reply === undefined ? undefined : { kind: 'refused', reply };
    } catch (error) {
      return { kind: 'failed', error };
    }
  }

  #reply(): string | undefined {
    if (this.#header.hops >= hopLimit) return replies.tooManyHops;
    return this.#limitBytes > 0 && this.sizeBytes > this.#limitBytes ? replies.tooBig : undefined;
  }
}

/** A part that failed takes nothing more, and the others go on. */
function write(part: Part, body: Buffer): void | Promise<void> {
  if (part.failure !== undefined) return;
  const fail = (error: unknown): Promise<void> => {
    part.failure = { error };
    return part.incoming.abort().catch(() => {});
  };
  try {
    return part.incoming.write(body)?.catch(fail);
  } catch (error) {
    return fail(error);
  }
}

async function commit({ incoming, failure }: Part): Promise<PartEnd> {
  if (failure !== undefined) return { kind: 'failed', error: failure.error };
  try {
    await incoming.commit();
    return { kind: 'accepted', queuedAs: incoming.queuedAs };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
