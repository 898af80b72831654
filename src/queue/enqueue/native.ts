// Queueing a message as qmail-queue does it, in its order (formats/qmail.md 3.4 and 3.12). Allowed beside a running qmail-send: it is what qmail-queue does.
//
//   step                                   a crash behind it leaves
//   create pid/ANY                         pid/ANY, which is removed after 36 hours
//   rename it to mess/S/N                  a message without envelope, removed after 36 hours
//   Received line and message              the same
//   create intd/N, envelope, fsync both    the same, with a half envelope
//   link to todo/N                         the message is queued
//   pull the trigger                       the message is queued, and noticed after 25 minutes at the latest
//
// N is the inode of the message, so no other message can have it; what has the name in a queue that was copied is not overwritten. The originals sync the files; the directories mess/S and todo are synced here too, so that what is
// acknowledged is there after a power failure. A failure before the link to todo/ removes what was made, behind it nothing.
//
// Who works on the queue in this process may try a message before it has an envelope on the disk (intake/first-tries). When that delivers it, it needs none.

import { TemporaryError } from '../../errors.js';
import {
  type Envelope,
  envelopeProblem,
  serializeTodo,
  todoAddresses,
  todoHead,
} from '../../formats/queue/queue-envelope.js';
import { type Invoker, queueReceivedLine } from '../../mail/received.js';
import type { NewFile, QueueFiles } from '../files.js';
import type { Ids } from '../owners.js';
import type { QueueTree } from '../tree.js';

/** Where messages are queued. */
export interface QueuePlace {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  /** Of messages and envelopes; undefined: as it falls. */
  readonly owner: Ids | undefined;
  /** Tells who works on the queue of a message; the trigger is pulled unless given. */
  readonly wake?: (id: string) => void;
  /** Who tries messages first, if anybody does. */
  readonly firstTries?: FirstTries | undefined;
}

/** A message that is written and not in todo/. */
export interface UnqueuedMessage {
  readonly id: string;
  /** What todo/N would hold. */
  readonly envelope: Buffer;
  readonly sizeBytes: number;
}

export interface FirstTries {
  /** Tries a message. @returns true when it is delivered and its file removed; false when it is to be queued now. It does not reject */
  offer(message: UnqueuedMessage): Promise<boolean>;
  /** A message that was to be queued could not be, and is removed. @param over called when its try is over; until then its file is kept open, so that no other message has its number */
  gaveUp(id: string, over: () => void): void;
}

/** Who queues a message, as the Received line and the log of qmail-send tell it. */
export interface QueueInvoker {
  readonly invokedBy: Invoker;
  readonly uid: number;
  /** The number by which log lines are joined: qmail-queue's pid (`qp`). */
  readonly pid: number;
  readonly nowSeconds: number;
}

export interface EnqueueRequest extends Envelope, QueueInvoker {
  readonly message: AsyncIterable<Buffer> | Buffer;
}

/** A message that is queued: its number, and the number of who queued it. */
export interface Enqueued {
  readonly id: string;
  readonly qp: number;
}

/** Queueing failed; nothing is queued. `exitCode` is qmail-queue's (formats/qmail.md 3.6). */
export class EnqueueError extends TemporaryError {
  readonly exitCode: number;
  constructor(exitCode: number, cause?: unknown) {
    super('4.3.0', 'temporary trouble with the queue', cause);
    this.exitCode = exitCode;
  }
}

/** Queues a message and wakes who works on the queue. @throws EnqueueError, or what `message` throws (exit code 54 is meant by both) */
export async function enqueue(place: QueuePlace, request: EnqueueRequest): Promise<Enqueued> {
  const problem = envelopeProblem(request);
  if (problem !== undefined) throw new EnqueueError(problem, new Error('an address that cannot be queued'));
  const message = NativeMessage.begin(place, request);
  try {
    if (Buffer.isBuffer(request.message)) message.write(request.message);
    else for await (const chunk of request.message) message.write(chunk);
    await message.finish();
    await message.commit(request);
  } catch (error) {
    message.discard();
    throw error;
  }
  return { id: message.id, qp: request.pid };
}

let lastName = 0;

/** A message that is being queued. Each method throws EnqueueError; `discard` is to be called then. */
export class NativeMessage {
  /** The number of the message. */
  readonly id: string;
  readonly #place: QueuePlace;
  readonly #invoker: QueueInvoker;
  readonly #file: NewFile;
  #envelope: NewFile | undefined;
  #sync: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isOffered = false;

  private constructor(place: QueuePlace, invoker: QueueInvoker, file: NewFile) {
    this.#place = place;
    this.#invoker = invoker;
    this.#file = file;
    this.id = file.inode;
  }

  /** Makes the message's file, with qmail-queue's line in it. */
  static begin(place: QueuePlace, invoker: QueueInvoker): NativeMessage {
    const { tree, files, owner } = place;
    // qmail-queue's own form is PID.TIME.SEQ with SEQ up to 9; a process that queues many at once needs more names.
    const name = tree.pid(`${process.pid}.${invoker.nowSeconds}.${++lastName}`);
    const file = attempt(63, () => files.create(name, 0o644, owner));
    let message: NativeMessage;
    try {
      message = new NativeMessage(place, invoker, file);
      attempt(64, () => files.renameNew(name, tree.mess(message.id)));
    } catch (error) {
      file.close();
      quietly(() => files.unlink(name));
      throw error;
    }
    try {
      message.write(Buffer.from(queueReceivedLine({ ...invoker, unixSeconds: invoker.nowSeconds }), 'latin1'));
      return message;
    } catch (error) {
      message.discard();
      throw error;
    }
  }

  /** Appends to the message. */
  write(chunk: Buffer): void {
    attempt(53, () => this.#file.write(chunk));
  }

  /** The message is complete: has it tried, if somebody does. @returns whether it is over, and neither to be finished nor committed */
  async offer(addresses: Envelope): Promise<boolean> {
    const { firstTries } = this.#place;
    if (firstTries === undefined) return false;
    const { uid, pid } = this.#invoker;
    const envelope = serializeTodo({ uid, pid, ...addresses });
    this.#isOffered = true;
    const isOver = await firstTries.offer({ id: this.id, envelope, sizeBytes: this.#file.sizeBytes });
    if (isOver) this.#close();
    return isOver;
  }

  /** The message is complete: begins to make it durable, and the envelope. */
  async finish(): Promise<void> {
    const { tree, files, owner } = this.#place;
    attempt(53, () => {
      this.#sync = this.#file.sync();
    });
    // Told by commit.
    this.#sync.catch(() => {});
    await attemptAsync(65, async () => {
      this.#envelope = await files.make(tree.intd(this.id), 0o644, owner);
    });
  }

  /** Writes the envelope and queues the message. When it resolves the message is the queue's. */
  async commit(addresses: Envelope): Promise<void> {
    const { tree, files } = this.#place;
    const envelope = this.#envelope;
    if (envelope === undefined) throw new EnqueueError(81, new Error('an envelope that was not begun'));
    const { uid, pid } = this.#invoker;
    attempt(53, () => envelope.write(todoHead({ uid, pid })));
    attempt(53, () => envelope.write(todoAddresses(addresses)));
    await attemptAsync(53, () => Promise.all([this.#sync, envelope.sync(), files.syncEntry(tree.mess(this.id))]));
    attempt(66, () => files.link(tree.intd(this.id), tree.todo(this.id)));
    this.#isQueued = true;
    this.#close();
    await attemptAsync(66, () => files.syncEntry(tree.todo(this.id)));
    this.#wake();
  }

  #wake(): void {
    const { tree, files, wake } = this.#place;
    if (wake === undefined) files.pullTrigger(tree.trigger);
    else wake(this.id);
  }

  /**
   * Gives the message up as qmail-queue does at an envelope that is wrong: what it has made stays, to be removed after 36 hours.
   * @param written what it had written of the envelope
   */
  leave(written: Buffer): void {
    try {
      if (written.length > 0) this.#envelope?.write(written);
    } finally {
      this.#close();
    }
  }

  /** Removes what was made, unless the message is queued already. Does not throw. */
  discard(): void {
    const { tree, files, firstTries } = this.#place;
    const wasBegun = this.#envelope !== undefined;
    if (this.#isQueued) {
      this.#close();
      this.#wake();
    } else {
      if (wasBegun) quietly(() => files.unlink(tree.intd(this.id)));
      quietly(() => files.unlink(tree.mess(this.id)));
      if (this.#isOffered && firstTries !== undefined) firstTries.gaveUp(this.id, () => this.#close());
      else this.#close();
    }
  }

  #close(): void {
    this.#envelope?.close();
    this.#file.close();
  }
}

function attempt<T>(exitCode: number, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asEnqueueError(exitCode, error);
  }
}

async function attemptAsync(exitCode: number, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    throw asEnqueueError(exitCode, error);
  }
}

function asEnqueueError(exitCode: number, error: unknown): EnqueueError {
  return error instanceof EnqueueError ? error : new EnqueueError(exitCode, error);
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // What stays is removed after 36 hours.
  }
}
