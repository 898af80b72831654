// Whose the queue is: `lock/sendmutex` taken, or what we are without it (processes/queue/service.ts has the table).
//
// A vqmail that was killed leaves a queue process which gives the queue back within seconds. Whoever is started at once after that must not take it for a qmail-send, beside
// which it would stay for ever: it is waited for.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError, describe } from '../../errors.js';
import type { HeldLock } from '../../files/locks/lock.js';
import type { Log } from '../../log.js';
import { readQueueControls } from '../../queue/controls.js';
import { mutexHolder, takeMutex } from '../../queue/mutex.js';
import type { QueueTree } from '../../queue/tree.js';
import type { QueueChoice } from '../../settings.js';
import type { Host } from '../../stores/host.js';

/** What ps shows of a queue process of ours. */
export const ownTitle = 'qmail-send (vqmail)';

/** @returns the lock, or what we are without it. @throws ConfigurationError when `instead` cannot be */
export async function claimQueue(
  choice: QueueChoice,
  tree: QueueTree,
  host: Host,
  log: Log,
): Promise<HeldLock | 'beside' | 'none'> {
  const mutex = host.layout.host(tree.mutex);
  const refuse = (text: string, cause?: unknown): 'none' => {
    if (choice === 'instead') throw new ConfigurationError(mutex, undefined, `cannot start: ${text}`, cause);
    log.alert(
      `queue: cannot start: ${text}; mail that needs it is put off${cause === undefined ? '' : `: ${describe(cause)}`}`,
    );
    return 'none';
  };
  try {
    readQueueControls(host.control);
  } catch (error) {
    return refuse('unable to read controls', error);
  }
  let lock: HeldLock | undefined;
  try {
    lock = await takeFromFormer(tree, log);
  } catch (error) {
    return refuse('unable to open mutex', error);
  }
  if (lock !== undefined) return lock;
  if (choice !== 'instead') return 'beside';
  return refuse('qmail-send is already running and holds this lock; stop it first, or serve with --queue beside');
}

/** Longer than a queue process goes on without its supervisor. */
const formerMs = 8000;
const lookMs = 100;
/** A lock that nobody seems to hold has just been let go, or its holder cannot be seen from here. */
const looksAtNobody = 5;

async function takeFromFormer(tree: QueueTree, log: Log): Promise<HeldLock | undefined> {
  let isTold = false;
  let nobody = 0;
  for (const deadline = performance.now() + formerMs; ; await pause(lookMs)) {
    const lock = takeMutex(tree);
    if (lock !== undefined || performance.now() > deadline) return lock;
    const holder = mutexHolder(tree);
    if (holder === 0 && ++nobody < looksAtNobody) continue;
    if (!isOrphan(holder)) return undefined;
    if (!isTold) log.info('queue: waiting until a former vqmail, which has been killed, gives the queue back');
    isTold = true;
  }
}

/** Whether it is a queue process of ours whose supervisor is gone. */
function isOrphan(pid: number | undefined): boolean {
  if (pid === undefined || pid <= 0) return false;
  try {
    if (!commandOf(pid).startsWith(ownTitle)) return false;
    const parent = /^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return !commandOf(Number(parent)).startsWith('vqmail');
  } catch {
    // It has just ended: the lock is looked at once more.
    return true;
  }
}

function commandOf(pid: number): string {
  return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}
