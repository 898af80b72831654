// Removing what interrupted programs have left (formats/qmail.md 3.8): at the start and about once a day.
//
//   mess/S/N without info/S/N and todo/N      with its intd/N, when it was read last more than 36 hours ago
//   pid/*                                     the same
//
// Whoever was queueing a message gives up after 24 hours, so nobody is at work on these.

import { setImmediate } from 'node:timers/promises';
import { removeMessage } from '../ending/finish.js';
import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import { leftoverSeconds, type QueueClock } from '../schedule.js';
import { messageNumber, type QueueTree } from '../tree.js';

export interface CleanupOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  readonly isStopping: () => boolean;
}

const sliceMessages = 200;

/** Removes leftovers. Does not throw: what cannot be looked at stays. */
export async function cleanUp(options: CleanupOptions): Promise<void> {
  const { tree, files, isStopping } = options;
  for (const directory of tree.directories('mess')) {
    const names = (await files.list(directory).catch(() => undefined)) ?? [];
    for (const [at, id] of names.entries()) {
      if (isStopping()) return;
      if (messageNumber(id) !== undefined) await cleanUpMessage(options, id);
      if (at % sliceMessages === 0) await setImmediate();
    }
  }
  for (const name of (await files.list(tree.pidDirectory).catch(() => undefined)) ?? [])
    attempt(() => {
      if (isOld(options, tree.pid(name), -1)) files.unlink(tree.pid(name));
    });
}

async function cleanUpMessage(options: CleanupOptions, id: string): Promise<void> {
  const { tree, files, log } = options;
  let isLeftover = false;
  attempt(() => {
    if (!isOld(options, tree.mess(id), 0)) return;
    isLeftover = files.status(tree.info(id)) === undefined && files.status(tree.todo(id)) === undefined;
  });
  if (isLeftover && !(await removeMessage(options, id)))
    log({ event: 'warning', text: `qmail-clean unable to clean up foop/${id}` });
}

/** @param more seconds beyond which it must be older than the limit: for messages the limit itself is not enough */
function isOld({ files, clock }: CleanupOptions, file: string, more: number): boolean {
  const status = files.status(file);
  return status !== undefined && clock.now() - status.accessedSeconds > leftoverSeconds + more;
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // It is looked at again tomorrow.
  }
}
