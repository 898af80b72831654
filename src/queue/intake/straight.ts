// Messages that are tried straight from todo/. Most have one recipient and are delivered at the first try: for those no info and recipient files are written and synced, only to be
// removed a moment later. qmail-send preprocesses first; whoever looks at the queue sees a message that is not preprocessed yet.
//
//   the first try                          then
//   succeeds within a second               todo/N is removed, which is the mark that it is done; then intd/N and mess/S/N
//   does anything else, or takes longer    the message is preprocessed as any other (intake/preprocess), and goes on from there
//
// A message may be tried before it is in todo/ too (intake/first-tries): what then needs preprocessing is queued first, and what is delivered has nothing to be taken out.
//
// While todo/N is there, whoever takes the queue up begins the message anew. So a crash before the removal brings a second delivery, as one before qmail-send's mark in the
// recipient file does, and never a loss.

import type { QueueFiles } from '../files.js';
import type { QueueClock } from '../schedule.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';
import type { HandedIn } from './handed-in.js';
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
  /** Of one that was not in todo/ when its try began. */
  readonly handedIn: HandedIn | undefined;
  /** Its bearer could not queue it and has removed it. What is to be called when its try is over: until then he keeps its number from other messages. */
  lost: (() => void) | undefined;
  /** Its first try is over: nothing may be begun for it any more. */
  isOver: boolean;
  cancelTimer: () => void;
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
/** So long may somebody wait for a message that he has handed in before it is queued. */
export const bearerSeconds = 0.5;

export class StraightMessages {
  readonly #options: StraightOptions;
  readonly #entries = new Map<string, Entry>();
  #isStopping = false;

  constructor(options: StraightOptions) {
    this.#options = options;
  }

  /**
   * Takes up a message that has been read.
   * @param handedIn its bearer, when it is not in todo/
   * @returns its channel; undefined when it is to be preprocessed
   */
  take(message: NewMessage, handedIn?: HandedIn): ChannelName | undefined {
    const { id, sender, recipients, recipientCount, sizeBytes } = message;
    if (recipientCount !== 1 || sender === undefined || this.#entries.size >= most) return undefined;
    const channel = channelNames.find((name) => recipients.has(name));
    const records = channel === undefined ? undefined : recipients.get(channel);
    if (records === undefined || this.#isStopping) return undefined;
    const birthSeconds = this.#options.clock.now();
    const entry: Entry = {
      message,
      sender,
      records,
      sizeBytes,
      birthSeconds,
      handedIn,
      lost: undefined,
      isOver: false,
      cancelTimer: () => {},
      settling: undefined,
    };
    this.#entries.set(id, entry);
    if (handedIn === undefined) this.#setTimer(entry, longestSeconds, () => void this.#settle(entry));
    else this.#setTimer(entry, bearerSeconds, () => void this.#queue(entry, handedIn));
    return channel;
  }

  /** The bearer of a message has put it into todo/. @returns whether it is one of these */
  queued(id: string): boolean {
    const handedIn = this.#entries.get(id)?.handedIn;
    handedIn?.tell(true);
    return handedIn !== undefined;
  }

  /** The bearer of a message could not. @param over called when its number is not needed any more */
  lost(id: string, over: () => void): void {
    const entry = this.#entries.get(id);
    if (entry?.handedIn === undefined) over();
    else {
      entry.lost = over;
      entry.handedIn.tell(false);
    }
  }

  get size(): number {
    return this.#entries.size;
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
    entry.isOver = true;
    entry.cancelTimer();
    if (!isDelivered) return this.#settle(entry);
    return entry.settling ?? (entry.handedIn?.isAsked ? entry.handedIn.queued : undefined);
  }

  /** Takes a message out of todo/ that is delivered. @returns what there is of it now (passes/pass) @throws the system error: then it stays there */
  remove(id: string): 'text' | 'only-text' | 'todo' {
    const { tree, files } = this.#options;
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry?.lost !== undefined) {
      entry.lost();
      return 'todo';
    }
    if (entry?.handedIn?.isAsked === false) {
      entry.handedIn.over();
      return 'only-text';
    }
    files.unlink(tree.todo(id));
    return 'text';
  }

  /** Leaves a message in todo/ to the next look at it. */
  leave(id: string): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    entry?.lost?.();
  }

  /** Takes up nothing more. Resolves when nothing is being preprocessed here. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { cancelTimer } of this.#entries.values()) cancelTimer();
    await Promise.all([...this.#entries.values()].map(({ settling, handedIn }) => settling ?? handedIn?.ask()));
  }

  #setTimer(entry: Entry, seconds: number, act: () => void): void {
    entry.cancelTimer = this.#options.clock.after(seconds, act);
  }

  /** Has a message queued whose try takes too long for its bearer, and preprocessed when it goes on for longer. */
  async #queue(entry: Entry, handedIn: HandedIn): Promise<void> {
    const isThere = await handedIn.ask();
    if (isThere && !entry.isOver && !this.#isStopping)
      this.#setTimer(entry, longestSeconds, () => void this.#settle(entry));
  }

  /** One that fails is still one of these, until its first try is over. */
  #settle(entry: Entry): Promise<boolean> {
    entry.settling ??= this.#settleQueued(entry).then((isSettled) => {
      if (isSettled) this.#entries.delete(entry.message.id);
      entry.settling = undefined;
      return isSettled;
    });
    return entry.settling;
  }

  async #settleQueued({ handedIn, message, birthSeconds }: Entry): Promise<boolean> {
    if (handedIn !== undefined && !(await handedIn.ask())) return false;
    return this.#options.settle(message, birthSeconds);
  }
}
