// Orders for a queue that nobody works on: whoever carries them out takes lock/sendmutex for that long. A message that is not preprocessed yet is preprocessed first, as it would
// be at the next start.

import type { Control } from '../../stores/control.js';
import { type QueueControls, readQueueControls } from '../controls.js';
import { FailureNotes } from '../ending/failure-notes.js';
import type { QueueFiles } from '../files.js';
import { preprocess } from '../intake/preprocess.js';
import type { QueueLog } from '../log.js';
import type { QueueOwners } from '../owners.js';
import { systemClock } from '../schedule.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';
import { carryOut, type OrderName, type OrderPlace, type OrderResult } from './order.js';

export interface StoppedQueue {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly owners: QueueOwners;
  readonly control: Control;
  readonly log: QueueLog;
}

/** Carries an order out for some messages. The caller holds the mutex. @throws TemporaryError when the controls cannot be read */
export async function obeyStopped(
  queue: StoppedQueue,
  order: OrderName,
  ids: readonly string[],
): Promise<Map<string, OrderResult>> {
  const { tree, files, owners, control, log } = queue;
  const controls = readQueueControls(control);
  const notes = new FailureNotes({
    tree,
    files,
    owner: owners.send,
    clock: systemClock,
    log,
    virtualDomains: () => controls.rules.virtualDomains,
    // A disk that takes nothing is no reason to wait here.
    isStopping: () => true,
  });
  const noteFailure = (id: string, recipient: string, text: string): Promise<boolean> =>
    notes.note(id, recipient, text);
  const place: OrderPlace = { tree, files, log, now: () => systemClock.now(), noteFailure };
  const results = new Map<string, OrderResult>();
  for (const id of ids) results.set(id, await obeyOne(queue, controls, place, order, id));
  return results;
}

async function obeyOne(
  { tree, files, owners, log }: StoppedQueue,
  controls: QueueControls,
  place: OrderPlace,
  order: OrderName,
  id: string,
): Promise<OrderResult> {
  try {
    if (files.status(tree.todo(id)) !== undefined) {
      const rules = (): QueueControls['rules'] => controls.rules;
      if ((await preprocess({ tree, files, owner: owners.send, log, rules }, id)) === undefined) return 'failed';
    }
    if (files.status(tree.info(id)) === undefined) return 'unknown';
    const times = new Map<ChannelName, number>();
    for (const channel of channelNames) {
      const status = files.status(tree.channel(channel, id));
      if (status !== undefined) times.set(channel, status.modifiedSeconds);
    }
    // A message at its end goes on by itself at the next start.
    await carryOut(place, order, id, times);
    return 'done';
  } catch {
    return 'failed';
  }
}
