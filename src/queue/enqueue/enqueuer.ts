// Handing a message to the queue: one interface for everything that does (SMTP, QMQP, qmail-inject, forwards, notices), whichever way the queue is reached.
//
//   native         this process may write the queue's files (native-enqueuer)
//   program        the host's own bin/qmail-queue, or what QMAILQUEUE names (program-enqueuer)
//   socket         the queue process writes for us (over-socket)
//   qmqp           a queue host (over-qmqp)
//
// A message begins at once and its bytes go on as they come; what could not be begun is told by `commit`. Until `commit` nothing of it counts, and a process that dies leaves
// nothing that would ever be delivered. What it throws has qmail-smtpd's words (exit-codes).

import type { Envelope } from '../../formats/queue/queue-envelope.js';
import type { Invoker } from '../../mail/received.js';

/** Who hands a message in. */
export interface Submitter {
  /** Whom the Received line names. */
  readonly invokedBy: Invoker;
  /** The group of files that are made for it; that of the one who is named unless given. */
  readonly gid?: number;
  /** The number that it is to have (qp), where the way gives a choice. */
  readonly number?: number;
}

export interface Enqueuer {
  /** Begins a message. Does not throw. */
  begin(submitter: Submitter): EnqueueingMessage;
}

/** One message on its way into the queue. `commit` or `abort` ends it. */
export interface EnqueueingMessage {
  /** Takes the next bytes, which belong to the message from here on. A promise is to be waited for; it never rejects. */
  write(chunk: Buffer): void | Promise<void>;
  /**
   * Queues it. @returns its number (qp): what the log of the queue calls it
   * @throws PermanentError or TemporaryError in qmail's words; it is not queued then. Only where a connection breaks in the last moment it may be
   */
  commit(envelope: Envelope): Promise<number>;
  /** Forgets it. Does not throw. */
  abort(): Promise<void>;
}

/** Queues a message that is there. @throws as `commit`, and what `message` throws */
export async function enqueueWhole(
  enqueuer: Enqueuer,
  submitter: Submitter,
  envelope: Envelope,
  message: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<number> {
  const queued = enqueuer.begin(submitter);
  try {
    for await (const piece of message) await queued.write(piece);
  } catch (error) {
    await queued.abort();
    throw error;
  }
  return queued.commit(envelope);
}
