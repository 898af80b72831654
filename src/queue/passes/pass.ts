// One try of one message on one channel: its recipient file is read from the beginning to the end, and every recipient that is not done is tried once (formats/qmail.md 4.4).
//
// The try is over when the end was reached and nothing of it runs or waits. Then the file is removed if nobody is left, else the message is scheduled again.

import type { QueuedMessage } from '../../delivery/report.js';
import { parseInfo } from '../../formats/queue/queue-envelope.js';
import { offsetBehind, type RecipientRecord, recipientAt } from '../../formats/queue/queue-recipients.js';
import type { QueueFiles } from '../files.js';
import type { StraightMessage, StraightMessages } from '../intake/straight.js';
import { isLastAttempt, nextAttempt } from '../schedule.js';
import type { ChannelName, QueueTree } from '../tree.js';

/** A recipient that waits for its destination. */
export interface Waiting {
  readonly pass: Pass;
  readonly record: RecipientRecord;
}

export interface PassSource {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly channel: ChannelName;
  readonly lifetimeSeconds: number;
  readonly straight: StraightMessages;
}

export class Pass {
  readonly message: QueuedMessage;
  readonly sender: string;
  /** When the message is to be tried again after this. */
  readonly retrySeconds: number;
  /** Whether what is put off now has failed. */
  readonly isLast: boolean;
  /** What keeps the try going: that it is being read, and each recipient of it that runs or waits. */
  holds = 1;
  /** Recipients that have been taken up and are not done. */
  undone = 0;
  hasEnded = false;
  /** What there is of the message on the disk: what preprocessing makes of it or will, its text and an envelope, its text alone, or whatever it was before. */
  remains: 'files' | 'text' | 'only-text' | 'todo' = 'files';
  /** How many recipients it may take up before others have their turn. */
  allowance = 0;
  readonly #records: Buffer;
  #offset = 0;

  constructor(
    message: QueuedMessage,
    sender: string,
    records: Buffer,
    when: { retrySeconds: number; isLast: boolean },
  ) {
    this.message = message;
    this.sender = sender;
    this.#records = records;
    this.retrySeconds = when.retrySeconds;
    this.isLast = when.isLast;
  }

  /** The next record, done or not; undefined at the end. */
  next(): RecipientRecord | undefined {
    const record = recipientAt(this.#records, this.#offset);
    if (record !== undefined) this.#offset = offsetBehind(record);
    return record;
  }

  /** Whether `isBlocked` says so of every recipient that is left; false when none is. */
  isBlocked(isBlocked: (address: string) => boolean): boolean {
    let isAnyLeft = false;
    for (let at = this.#offset; ; ) {
      const record = recipientAt(this.#records, at);
      if (record === undefined || record.state === 'unknown') return isAnyLeft;
      if (record.state === 'todo' && !isBlocked(record.address)) return false;
      isAnyLeft ||= record.state === 'todo';
      at = offsetBehind(record);
    }
  }

  /** The first recipient that is left. */
  get firstAddress(): string | undefined {
    for (let record = recipientAt(this.#records, 0); record !== undefined; ) {
      if (record.state === 'todo') return record.address;
      record = recipientAt(this.#records, offsetBehind(record));
    }
    return undefined;
  }
}

/** Begins a try. @returns otherwise the disk path of the file that cannot be read or does not hold what it should */
export function openPass(source: PassSource, id: string, now: number): Pass | string {
  const found = source.straight.get(id) ?? readFiles(source, id);
  if (typeof found === 'string') return found;
  const { sender, records, sizeBytes, birthSeconds } = found;
  const message = { id, path: source.tree.mess(id), sizeBytes, birthSeconds };
  return new Pass(message, sender, records, {
    retrySeconds: nextAttempt(source.channel, birthSeconds, now),
    isLast: isLastAttempt(birthSeconds, now, source.lifetimeSeconds),
  });
}

/** In qmail-send's order: the first file that is in trouble is the one that is named. The message itself is the delivery's to open. */
function readFiles({ tree, files, channel }: PassSource, id: string): StraightMessage | string {
  const [channelFile, infoFile] = [tree.channel(channel, id), tree.info(id)];
  const records = unlessTrouble(() => files.read(channelFile));
  if (records === undefined) return channelFile;
  const info = unlessTrouble(() => files.read(infoFile));
  const status = unlessTrouble(() => files.status(infoFile));
  const sender = info === undefined ? undefined : parseInfo(info);
  if (status === undefined || sender === undefined) return infoFile;
  const sizeBytes = unlessTrouble(() => files.status(tree.mess(id)))?.sizeBytes ?? 0;
  return { sender, records, sizeBytes, birthSeconds: status.modifiedSeconds };
}

/** A file that cannot be read is as one that is missing. */
function unlessTrouble<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
