// The end of every server's message: recipients whose way ends in plain Maildirs get it there, all others are handed to a queue, and one answer stands for both.
//
//   recipient's way                        where it goes
//   Maildirs, or thrown away               delivery, at once
//   a forward, program, list, mbox         this host's queue; without one a queue host, if control/qmqpservers names any
//   another host                           a queue host if control/qmqpservers names any, else this host's queue
//   any, with QMAILQUEUE set               that program, and nothing is delivered beside it: it may be a scanner
//
//   1 prepare    loops and quotas looked at, the message synced in the tmp/ of every Maildir; it is with the queue too, but does not count there
//   2 queue      the message counts in the queue: the step that fails when the disk is full or the queue is gone. Then nothing is anywhere, and the client keeps the message
//   3 commit     from tmp/ to new/
//
//   a crash          leaves
//   before 2         nothing that will be delivered: files in tmp/, mess/ and intd/, which are removed after 36 hours
//   between 2 and 3  the message in the queue, and a client that was not answered and sends it again: the queued recipients get it twice, nobody loses it
//   after 3          the message everywhere, perhaps with a client that was not answered
//
// A failure in 3 (all that can fail has been done in 1) is answered as temporary, with the same result as a crash between 2 and 3.

import type { Delivery, IncomingMessage, Resolution, ResolveOptions, Submission } from '../delivery/accept.js';
import { describe } from '../errors.js';
import type { Log } from '../log.js';
import type { EnqueueingMessage, Enqueuer } from './enqueue/enqueuer.js';
import { queueError } from './enqueue/exit-codes.js';

/** The ways into a queue that there are. */
export interface QueueWays {
  /** This host's queue; undefined when it has none at the moment. */
  own(): Enqueuer | undefined;
  /** Queue hosts; undefined when control/qmqpservers names none. @throws TemporaryError when it cannot be read */
  hosts(): Enqueuer | undefined;
  /** A program in the place of qmail-queue. */
  program(program: NonNullable<Submission['program']>): Enqueuer;
}

/** Delivery that hands to a queue what it cannot do at once. */
export function deliveryWithQueue(direct: Delivery, ways: QueueWays, log: Log): Delivery {
  return {
    resolve: (recipient: string, options?: ResolveOptions) => direct.resolve(recipient, options),
    hasQueue() {
      try {
        return ways.own() !== undefined || ways.hosts() !== undefined;
      } catch (error) {
        log.alert(`queue: unable to read controls: ${describe(error)}`);
        return false;
      }
    },
    accept(envelope) {
      const { submission, recipients } = envelope;
      const here = (resolution: Resolution): boolean =>
        submission?.program === undefined && resolution.outcome.kind !== 'queue';
      const queued = recipients.filter((resolution) => !here(resolution));
      if (queued.length === 0 || submission === undefined) return direct.accept(envelope);
      const directly = recipients.filter(here);
      const message = directly.length === 0 ? undefined : direct.accept({ ...envelope, recipients: directly });
      return new MessageInParts(message, beginParts(ways, envelope.sender, queued, submission), log);
    },
  };
}

/** Recipients that go into one queue as one message. */
interface Part {
  readonly message: EnqueueingMessage;
  readonly envelope: { readonly sender: string; readonly recipients: readonly string[] };
}

function beginParts(
  ways: QueueWays,
  sender: string,
  queued: readonly Resolution[],
  submission: Submission,
): readonly Part[] {
  const { program, invokedBy, number, serverLine } = submission;
  const byWay = new Map<Enqueuer, string[]>();
  const [own, hosts] = program === undefined ? [ways.own(), ways.hosts()] : [ways.program(program), undefined];
  for (const { recipient, outcome } of queued) {
    const isRemote = outcome.kind === 'queue' && outcome.reason === 'remote';
    const way = (isRemote ? (hosts ?? own) : (own ?? hosts)) ?? noQueue;
    byWay.set(way, [...(byWay.get(way) ?? []), recipient]);
  }
  return [...byWay].map(([way, recipients]) => {
    const message = way.begin({ invokedBy, number });
    void message.write(Buffer.from(serverLine, 'latin1'));
    return { message, envelope: { sender, recipients } };
  });
}

/** The queue that was there at RCPT has gone. */
const noQueue: Enqueuer = {
  begin: () => ({
    write() {},
    commit: () => Promise.reject(queueError(62)),
    abort: async () => {},
  }),
};

class MessageInParts implements IncomingMessage {
  readonly #direct: IncomingMessage | undefined;
  readonly #parts: readonly Part[];
  readonly #log: Log;
  readonly #begun = new Set<Part>();
  #queuedAs: number | undefined;

  constructor(direct: IncomingMessage | undefined, parts: readonly Part[], log: Log) {
    this.#direct = direct;
    this.#parts = parts;
    this.#log = log;
  }

  get queuedAs(): number | undefined {
    return this.#queuedAs;
  }

  write(chunk: Buffer): void | Promise<void> {
    const waits = [this.#direct?.write(chunk), ...this.#parts.map(({ message }) => message.write(chunk))].filter(
      (wait) => wait !== undefined,
    );
    if (waits.length > 0) return Promise.all(waits).then(() => {});
  }

  async prepare(): Promise<void> {
    try {
      await this.#direct?.prepare();
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.prepare();
    try {
      for (const part of this.#parts) {
        this.#begun.add(part);
        const number = await part.message.commit(part.envelope);
        this.#queuedAs ??= number;
      }
      await this.#direct?.commit();
    } catch (error) {
      if (this.#queuedAs !== undefined)
        this.#log.warning(
          `a message that was not acknowledged is queued for some of its recipients, qp ${this.#queuedAs}: ${describe(error)}`,
        );
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    const left = this.#parts.filter((part) => !this.#begun.has(part));
    await Promise.all([this.#direct?.abort(), ...left.map(({ message }) => message.abort())]);
  }
}
