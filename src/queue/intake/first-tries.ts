// Messages that are tried before they are queued. Most go to a place that takes them in milliseconds: for those no envelope is written, and nothing of the queue is synced, only to be
// removed a moment later. Whoever hands the message in waits for its delivery instead of the disk; what he is told afterwards is as durable as ever.
//
//   on the disk      mess/S/N, as while any message is being queued. A crash leaves a message without envelope that nobody was told is taken
//   delivered        mess/S/N is removed, and the message counts as taken
//   anything else, or half a second has passed, or the queue stops      the message is queued as any other, and goes on from there (intake/straight)
//
// Only what is likely to be over soon is tried: one recipient, whose destination was quick the last time and has a place free. Exim calls the same cut-through delivery.

import type { RewritingRules } from '../../formats/address-rewriting.js';
import type { UnqueuedMessage } from '../enqueue/native.js';
import type { QueueLog } from '../log.js';
import type { ChannelPasses } from '../passes/channel-passes.js';
import type { ChannelName } from '../tree.js';
import { HandedIn } from './handed-in.js';
import { channelsOf, newMessageOf } from './preprocess.js';
import type { StraightMessages } from './straight.js';

export interface FirstTriesOptions {
  readonly rules: RewritingRules;
  readonly straight: StraightMessages;
  readonly passes: Readonly<Record<ChannelName, ChannelPasses>>;
  readonly log: QueueLog;
  /** Schedules a message that is tried now. */
  readonly begin: (channel: ChannelName, id: string) => void;
}

/** Tries a message that is not queued yet, if it is likely to be over soon. @returns as FirstTries.offer */
export async function tryFirst(
  options: FirstTriesOptions,
  { id, envelope, sizeBytes }: UnqueuedMessage,
): Promise<boolean> {
  const { rules, straight, passes, log, begin } = options;
  const { message, lines, isKnown } = newMessageOf(envelope, id, sizeBytes, rules);
  const [channel, ...others] = channelsOf(message);
  if (!isKnown || channel === undefined || others.length > 0 || !passes[channel].isQuick(message.firstAddress))
    return false;
  const handedIn = new HandedIn();
  if (straight.take(message, handedIn) === undefined) return false;
  for (const line of lines) log(line);
  begin(channel, id);
  return handedIn.answer;
}
