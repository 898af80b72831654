// Messages that are tried straight from todo/. Most have one recipient and are delivered at the first try: for those no info and recipient files are written and synced, only to be
// removed a moment later. qmail-send preprocesses first; whoever looks at the queue sees a message that is not preprocessed yet.
//
//   the first try                          then
//   succeeds within a second               todo/N is removed, which is the mark that it is done; then intd/N and mess/S/N
//   does anything else, or takes longer    the message is preprocessed as any other (intake/preprocess), and goes on from there
//
// While todo/N is there, whoever takes the queue up begins the message anew. So a crash before the removal brings a second delivery, as one before qmail-send's mark in the
// recipient file does, and never a loss.

import type { QueueFiles } from '../files.js';
import type { QueueClock } from '../schedule.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';
import type { NewMessage } from './preprocess.js';

/** What a try needs to know of a message. */
export interface StraightMessage {
  readonly sender: string;
  /** As the recipient file would have it. */
  readonly records: Buffer;
  readonly sizeBytes: number;
  readonly birthSeconds: number;
}

interface Entry extends StraightMessage {
  readonly message: NewMessage;
  readonly cancelTimer: () => void;
  settling: Promise<boolean> | undefined;
}

export interface StraightOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly clock: QueueClock;
  /** Preprocesses a message that was taken up at that time. @returns false when it stays in todo/ */
  readonly settle: (message: NewMessage, birthSeconds: number) => Promise<boolean>;
}

/** So many at once: the others are preprocessed. */
const most = 250;
const longestSeconds = 1;

export class StraightMessages {
  readonly #options: StraightOptions;
  readonly #entries = new Map<string, Entry>();
  #isStopping = false;

  constructor(options: StraightOptions) {
    this.#options = options;
  }

  /** Takes up a message that has been read. @returns its channel; undefined when it is to be preprocessed */
  take(message: NewMessage): ChannelName | undefined {
    const { id, sender, recipients, recipientCount, sizeBytes } = message;
    if (recipientCount !== 1 || sender === undefined || this.#entries.size >= most) return undefined;
    const { clock } = this.#options;
    const channel = channelNames.find((name) => recipients.has(name));
    const records = channel === undefined ? undefined : recipients.get(channel);
    if (records === undefined || this.#isStopping) return undefined;
    const entry: Entry = {
      message,
      sender,
      records,
      sizeBytes,
      birthSeconds: clock.now(),
      cancelTimer: clock.after(longestSeconds, () => void this.#settle(entry)),
      settling: undefined,
    };
    this.#entries.set(id, entry);
    return channel;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  get(id: string): StraightMessage | undefined {
    return this.#entries.get(id);
  }

  /** The first try of a message is over. @returns what is to be waited for before that is dealt with; undefined: nothing. It does not reject */
  over(id: string, isDelivered: boolean): Promise<boolean> | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    entry.cancelTimer();
    return isDelivered ? entry.settling : this.#settle(entry);
  }

  /** Takes a message out of todo/ that is delivered. @throws the system error: then it stays there */
  remove(id: string): void {
    this.#entries.delete(id);
    const { tree, files } = this.#options;
    files.unlink(tree.todo(id));
  }

  /** Leaves a message in todo/ to the next look at it. */
  leave(id: string): void {
    this.#entries.delete(id);
  }

  /** Takes up nothing more. Resolves when nothing is being preprocessed here. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { cancelTimer } of this.#entries.values()) cancelTimer();
    await Promise.all([...this.#entries.values()].map(({ settling }) => settling));
  }

  /** One that fails is still one of these, until its first try is over. */
  #settle(entry: Entry): Promise<boolean> {
    entry.settling ??= this.#options.settle(entry.message, entry.birthSeconds).then((isSettled) => {
      if (isSettled) this.#entries.delete(entry.message.id);
      entry.settling = undefined;
      return isSettled;
    });
    return entry.settling;
  }
}
