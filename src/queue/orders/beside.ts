// Orders beside a running qmail-send, which nobody can talk to but by signals. It reads the files of a message anew at each try, and keeps only the times of the next tries in memory:
//
//   retry      SIGALRM: everything is due now, since it knows no other way
//   bounce     info/S/N is made older than queuelifetime, then SIGALRM: the message is tried once more, and what does not succeed then is bounced
//   drop       each recipient that is left is marked done, as qmail-send itself does it, one byte in place; then SIGALRM, on which it finds nobody left and ends the message.
//              What failed before is still told to the sender
//   hold       cannot be done: only a stopped qmail-send learns other times
//
// A recipient that is being delivered at this moment is delivered all the same.

import fs from 'node:fs';
import { letters, parseRecipients } from '../../formats/queue/queue-recipients.js';
import type { QueueFiles } from '../files.js';
import { systemClock } from '../schedule.js';
import { channelNames, type QueueTree } from '../tree.js';
import type { OrderName, OrderResult } from './order.js';

export interface ForeignQueue {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  /** Of control/queuelifetime. */
  readonly lifetimeSeconds: number;
}

/** Prepares an order for one message. SIGALRM has to follow. Not for `hold` and `release`. */
export function prepareBeside(
  { tree, files, lifetimeSeconds }: ForeignQueue,
  order: OrderName,
  id: string,
): OrderResult {
  try {
    if (files.status(tree.todo(id)) !== undefined) return 'busy';
    const info = files.status(tree.info(id));
    if (info === undefined) return 'unknown';
    if (order === 'bounce')
      files.setTimes(tree.info(id), Math.min(info.modifiedSeconds, systemClock.now() - lifetimeSeconds - 1));
    if (order === 'drop') for (const channel of channelNames) markAllDone(files, tree.channel(channel, id));
    return 'done';
  } catch {
    return 'failed';
  }
}

function markAllDone(files: QueueFiles, file: string): void {
  for (const { state, offset } of parseRecipients(files.read(file) ?? Buffer.alloc(0)))
    if (state === 'todo') files.mark(file, offset, letters.done);
}

/**
 * The qmail-send that works on this queue, of that name and in its directory: its process numbers.
 * @param proc where processes are listed; another place in tests
 */
export function qmailSends(tree: QueueTree, proc = '/proc'): number[] {
  return namesIn(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (fs.readFileSync(`${proc}/${pid}/comm`, 'latin1').trimEnd() !== 'qmail-send') return false;
        return fs.readlinkSync(`${proc}/${pid}/cwd`) === fs.realpathSync(tree.directory);
      } catch {
        // It is gone, or not ours to look at.
        return false;
      }
    });
}

/** Sends SIGALRM to the qmail-send that works on this queue. @returns whether there was one */
export function wakeQmailSend(tree: QueueTree, proc?: string): boolean {
  const told = qmailSends(tree, proc).filter((pid) => {
    try {
      return process.kill(pid, 'SIGALRM');
    } catch {
      return false;
    }
  });
  return told.length > 0;
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}
