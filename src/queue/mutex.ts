// lock/sendmutex: whoever holds flock on it works on the queue, and nobody else may touch info/, local/, remote/, bounce/ or remove anything (formats/qmail.md 3.13).
//
// It is opened write-only, never made and never written to, and held for the life of the process. A second qmail-send then refuses to start.

import { errnoOf } from '../errors.js';
import { type HeldLock, tryLock } from '../files/lock.js';
import type { QueueTree } from './tree.js';

/**
 * Takes the queue; undefined when another process has it.
 * @throws TemporaryError when the lock file cannot be opened
 */
export function takeMutex(tree: QueueTree): HeldLock | undefined {
  return tryLock(tree.mutex, { kind: 'flock', create: false });
}

/** Whether what `takeMutex` threw says that the lock file is missing. */
export function isMutexMissing(error: unknown): boolean {
  return error instanceof Error && errnoOf(error.cause) === 'ENOENT';
}
