// Giving orders about messages to whoever works on the queue:
//
//   our queue process        asked at its socket
//   nobody                   done here, under lock/sendmutex
//   a qmail-send             through its files and SIGALRM (queue/orders/beside says what that means)

import { setTimeout as pause } from 'node:timers/promises';
import { PermanentError, TemporaryError } from '../../../errors.js';
import { standardErrorLog } from '../../../log.js';
import { askQueueProcess } from '../../../queue/enqueue/over-socket.js';
import type { QueueFiles } from '../../../queue/files.js';
import { lineQueueLog } from '../../../queue/log.js';
import { takeMutex } from '../../../queue/mutex.js';
import { prepareBeside, wakeQmailSend } from '../../../queue/orders/beside.js';
import type { QueueAnswer, QueueOrders } from '../../../queue/orders/frames.js';
import type { OrderName, OrderResult } from '../../../queue/orders/order.js';
import { obeyStopped } from '../../../queue/orders/stopped.js';
import { queueOwners } from '../../../queue/owners.js';
import type { QueueTree } from '../../../queue/tree.js';
import type { Host } from '../../../stores/host.js';

export interface QueueAccess {
  readonly host: Host;
  readonly tree: QueueTree;
  readonly files: QueueFiles;
}

/** Messages in one question to the queue process. */
const atOnce = 500;
/** How often, and after how long, a message that is being delivered is asked for again. */
const [patience, pauseMs] = [10, 300];

/** What the queue process of ours answers; undefined when there is none, or the queue is not its own. */
export async function askOwnQueue({ host }: QueueAccess, orders: QueueOrders): Promise<QueueAnswer | undefined> {
  const answer = await askQueueProcess<QueueAnswer>(host.layout.queueSocket, orders);
  return answer?.mode === 'instead' ? answer : undefined;
}

/** @returns what became of each @throws PermanentError for an order that cannot be given now, TemporaryError for trouble */
export async function giveOrders(
  access: QueueAccess,
  order: OrderName,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderResult>> {
  if ((await askOwnQueue(access, {})) !== undefined) return askAgain(access, order, ids);
  const { host, tree, files } = access;
  const lock = takeMutex(tree);
  if (lock === undefined) return beside(access, order, ids);
  try {
    const owners = queueOwners(tree, host.accounts);
    // What is done with the files goes into no log; what is wrong with them is told.
    const log = lineQueueLog({ ...standardErrorLog, info() {} });
    return await obeyStopped({ tree, files, owners, control: host.control, log }, order, ids);
  } finally {
    lock.release();
  }
}

async function askAgain(
  access: QueueAccess,
  order: OrderName,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderResult>> {
  const results = new Map<string, OrderResult>();
  let left = ids;
  for (let time = 0; left.length > 0 && time < patience; time++) {
    if (time > 0) await pause(pauseMs);
    for (let at = 0; at < left.length; at += atOnce) {
      const answer = await askOwnQueue(access, { order, ids: left.slice(at, at + atOnce) });
      if (answer === undefined) throw new TemporaryError('4.3.0', 'the queue process has gone; try again');
      for (const [id, result] of Object.entries(answer.results ?? {})) results.set(id, result);
    }
    left = left.filter((id) => results.get(id) === 'busy');
  }
  return results;
}

function beside(
  { host, tree, files }: QueueAccess,
  order: OrderName,
  ids: readonly string[],
): ReadonlyMap<string, OrderResult> {
  if (order === 'hold' || order === 'release')
    throw new PermanentError(
      '5.3.5',
      `queue: qmail-send keeps the times of its messages in memory, so it cannot ${order} one; stop it first, or serve with --queue instead`,
    );
  const lifetimeSeconds = host.control.number('queuelifetime') ?? 604_800;
  const results = new Map(ids.map((id) => [id, prepareBeside({ tree, files, lifetimeSeconds }, order, id)]));
  if (!wakeQmailSend(tree))
    throw new TemporaryError('4.3.0', 'queue: somebody works on this queue, and is no qmail-send that can be told');
  return results;
}
