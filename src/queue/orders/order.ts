// Orders that people give about single messages (vqmail queue ...), and what becomes of the files. The same files in the same steps whether the queue is at work in this program or
// nobody works on it; only who holds lock/sendmutex may carry one out.
//
//   retry      due now
//   hold       the time of the next try is the end of time (queue/schedule); nothing else of the message changes
//   release    due now, if it was held
//   bounce     every recipient that is left has failed, for this reason; then the notice is sent as ever
//   drop       nobody gets it and nobody is told
//
//   step of bounce                      a crash behind it leaves
//   paragraph in bounce/N, synced       the recipient to do, and a paragraph; it is tried again
//   its letter becomes D                one recipient fewer
//   local/S/N, remote/S/N removed       a message at its end: the notice is sent at the next start
//
//   step of drop                        a crash behind it leaves
//   bounce/N removed                    the message, without what was noted before
//   local/S/N, remote/S/N removed       a message at its end, of which nobody is told
//   info/S/N, intd/N, mess/S/N removed  what is left after 36 hours is removed

import { letters, parseRecipients } from '../../formats/queue/queue-recipients.js';
import { removeMessage } from '../ending/finish.js';
import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import { heldSeconds, isHeld } from '../schedule.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';

export const orderNames = ['retry', 'hold', 'release', 'drop', 'bounce'] as const;
export type OrderName = (typeof orderNames)[number];

/** What became of an order: there is no such message; it is being delivered or preprocessed at this moment; its files could not be changed. */
export type OrderResult = 'done' | 'unknown' | 'busy' | 'failed';

export interface OrderPlace {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly log: QueueLog;
  readonly now: () => number;
  /** Notes durably that a recipient has failed. @returns whether it could */
  readonly noteFailure: (id: string, recipient: string, text: string) => Promise<boolean>;
}

/** Where a message stands once an order has been carried out: its next tries, at its end, or gone. */
export type Afterwards = ReadonlyMap<ChannelName, number> | 'ended' | 'gone';

/** What a sender reads whose message was given back. */
const givenBack = "The postmaster of this host has returned this message; I'm not going to try again.\n";

/**
 * Carries an order out for a message that nobody works on.
 * @param times of its next tries, one for each channel that has recipients left
 * @throws the system error
 */
export async function carryOut(
  place: OrderPlace,
  order: OrderName,
  id: string,
  times: ReadonlyMap<ChannelName, number>,
): Promise<Afterwards> {
  place.log({ event: 'note', text: `order: ${order} msg ${id}` });
  switch (order) {
    case 'retry':
      return reschedule(place, id, times, () => place.now());
    case 'hold':
      return reschedule(place, id, times, () => heldSeconds);
    case 'release':
      return reschedule(place, id, times, (seconds) => (isHeld(seconds) ? place.now() : seconds));
    case 'bounce':
      return giveBack(place, id, times);
    case 'drop':
      return drop(place, id);
  }
}

function reschedule(
  { tree, files }: OrderPlace,
  id: string,
  times: ReadonlyMap<ChannelName, number>,
  next: (seconds: number) => number,
): Afterwards {
  if (times.size === 0) return 'ended';
  const after = new Map([...times].map(([channel, seconds]) => [channel, next(seconds)]));
  for (const [channel, seconds] of after) files.setTimes(tree.channel(channel, id), seconds);
  return after;
}

async function giveBack(place: OrderPlace, id: string, times: ReadonlyMap<ChannelName, number>): Promise<Afterwards> {
  const { tree, files, noteFailure } = place;
  for (const channel of times.keys()) {
    const file = tree.channel(channel, id);
    for (const { state, address, offset } of parseRecipients(files.read(file) ?? Buffer.alloc(0))) {
      if (state !== 'todo') continue;
      if (!(await noteFailure(id, address, givenBack))) throw new Error('the failure could not be noted');
      files.mark(file, offset, letters.done);
    }
  }
  for (const channel of channelNames) files.unlink(tree.channel(channel, id));
  return 'ended';
}

async function drop({ tree, files, log }: OrderPlace, id: string): Promise<Afterwards> {
  files.unlink(tree.bounce(id));
  for (const channel of channelNames) files.unlink(tree.channel(channel, id));
  log({ event: 'end', msg: id });
  files.unlink(tree.info(id));
  await removeMessage({ tree, files }, id);
  return 'gone';
}
