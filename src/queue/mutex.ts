// lock/sendmutex: whoever holds flock on it works on the queue, and nobody else may touch info/, local/, remote/, bounce/ or remove anything (formats/qmail.md 3.13).
//
// It is opened write-only, never made and never written to, and held for the life of the process. A second qmail-send then refuses to start.

import fs from 'node:fs';
import { errnoOf } from '../errors.js';
import { type HeldLock, tryLock } from '../files/locks/lock.js';
import { bytesPath } from '../files/read.js';
import type { QueueTree } from './tree.js';

/**
 * Takes the queue; undefined when another process has it.
 * @throws TemporaryError when the lock file cannot be opened
 */
export function takeMutex(tree: QueueTree): HeldLock | undefined {
  return tryLock(tree.mutex, { kind: 'flock', create: false });
}

/**
 * Who holds it, as the system tells: asked without touching the lock, since even a short try could keep a qmail-send from starting.
 * @returns the process, 0 for nobody, undefined where the system does not tell
 */
export function mutexHolder(tree: QueueTree): number | undefined {
  try {
    const { ino } = fs.statSync(bytesPath(tree.mutex), { bigint: true });
    const holder = new RegExp(`^\\d+: FLOCK\\s.*?(-?\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `, 'm');
    return Number(holder.exec(fs.readFileSync('/proc/locks', 'latin1'))?.[1] ?? 0);
  } catch {
    return undefined;
  }
}

/** Whether what `takeMutex` threw says that the lock file is missing. */
export function isMutexMissing(error: unknown): boolean {
  return error instanceof Error && errnoOf(error.cause) === 'ENOENT';
}
