// Messages that are tried before they are queued. Most go to a place that takes them in milliseconds: for those no envelope is written, and nothing of the queue is synced, only to be
// removed a moment later. Whoever hands the message in waits for its delivery instead of the disk; what he is told afterwards is as durable as ever.
//
//   on the disk      mess/S/N, as while any message is being queued. A crash leaves a message without envelope that nobody was told is taken
//   delivered        mess/S/N is removed, and the message counts as taken
//   anything else, or half a second has passed, or the queue stops      the message is queued as any other, and goes on from there (intake/straight)
//
// Only what is likely to be over soon is tried: one recipient, whose destination was quick the last time, and has a place free or soon will. A host was quick when it took no longer than queueing takes on
// this disk, so nobody hands in fewer messages for it; on this host the delivery waits for the same disk itself. Exim calls the same cut-through delivery.

import type { RewritingRules } from '../../formats/controls/address-rewriting.js';
import type { UnqueuedMessage } from '../enqueue/native.js';
import type { QueueLog } from '../log.js';
import type { ChannelPasses } from '../passes/channel-passes.js';
import type { QueueClock } from '../schedule.js';
import type { ChannelName } from '../tree.js';
import { HandedIn } from './handed-in.js';
import { channelsOf, newMessageOf } from './preprocess.js';
import type { StraightMessages } from './straight.js';

export interface FirstTriesOptions {
  readonly rules: RewritingRules;
  readonly straight: StraightMessages;
  readonly passes: Readonly<Record<ChannelName, ChannelPasses>>;
  readonly log: QueueLog;
  readonly queueing: QueueingTime;
  /** Schedules a message that is tried now. */
  readonly schedule: (channel: ChannelName, id: string) => void;
}

/** A delivery that takes no longer is quick on any disk. */
const quickLeastMs = 20;
/** What a delivery on this host may take, in milliseconds. */
const quickLocalMs = 300;
/** How much the last message counts for the usual. */
const share = 0.1;

/** How long it takes to queue a message, as measured. */
export class QueueingTime {
  readonly #clock: QueueClock;
  readonly #begun = new Map<string, number>();
  #usualMs = 0;

  constructor(clock: QueueClock) {
    this.#clock = clock;
  }

  /** What a delivery may take to be called quick: to another host about as long as queueing, which it saves. */
  quickMs(channel: ChannelName): number {
    return channel === 'local' ? quickLocalMs : Math.max(quickLeastMs, 2 * this.#usualMs);
  }

  begin(id: string): void {
    this.#begun.set(id, this.#clock.milliseconds());
  }

  /** It is queued, or could not be. */
  end(id: string): void {
    const begun = this.#begun.get(id);
    if (begun === undefined) return;
    this.#begun.delete(id);
    this.#usualMs += share * (this.#clock.milliseconds() - begun - this.#usualMs);
  }
}

/** Tries a message that is not queued yet, if it is likely to be over soon. @returns as FirstTries.offer */
export async function tryFirst(options: FirstTriesOptions, unqueued: UnqueuedMessage): Promise<boolean> {
  const isOver = (await begin(options, unqueued)?.answer) ?? false;
  if (!isOver) options.queueing.begin(unqueued.id);
  return isOver;
}

function begin(options: FirstTriesOptions, { id, envelope, sizeBytes }: UnqueuedMessage): HandedIn | undefined {
  const { rules, straight, passes, log, schedule } = options;
  const { message, lines, isKnown } = newMessageOf(envelope, id, sizeBytes, rules);
  const [channel, ...others] = channelsOf(message);
  if (!isKnown || channel === undefined || others.length > 0) return undefined;
  const handedIn = new HandedIn();
  if (!passes[channel].isQuick(message.firstAddress) || straight.take(message, handedIn) === undefined)
    return undefined;
  for (const line of lines) log(line);
  schedule(channel, id);
  return handedIn;
}
