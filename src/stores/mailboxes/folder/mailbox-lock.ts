// The lock of a mailbox: within this process one operation at a time, and against other processes and Dovecot dovecot-uidlist.lock (files/dot-lock.ts). It is held briefly; who holds it for long
// touches it every ten seconds, since a lock that nobody touches for two minutes is taken for a dead one.

import { takeDotLock } from '../../../files/locks/dot-lock.js';
import { mailboxFiles } from '../../../layout.js';
import type { FileManner } from './uid-list-file.js';

/** As long as Dovecot waits. */
export const lockPatienceMs = 120_000;
const touchEveryMs = 10_000;

export class MailboxLock {
  readonly #guarded: string;
  #tail: Promise<unknown> = Promise.resolve();

  /** @param directory disk path of the mailbox */
  constructor(directory: string) {
    this.#guarded = mailboxFiles.uidList(directory);
  }

  /**
   * Does something alone in this process, and under the lock if it can be had.
   * @param isNeeded asked when it is this call's turn: whether there is anything to do still
   * @param work is told whether the lock is held
   * @throws TemporaryError when a lock cannot be made at all, and what `work` throws
   */
  run<T>(
    manner: () => FileManner,
    patienceMs: number,
    work: (isLocked: boolean) => Promise<T>,
    isNeeded = () => true,
  ): Promise<T | undefined> {
    const turn = this.#tail.then(() => (isNeeded() ? this.#locked(manner, patienceMs, work) : undefined));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  async #locked<T>(manner: () => FileManner, patienceMs: number, work: (isLocked: boolean) => Promise<T>): Promise<T> {
    const lock = await takeDotLock(this.#guarded, { timeoutMs: patienceMs, ...manner() });
    const touching = setInterval(() => lock?.touch(), touchEveryMs).unref();
    try {
      return await work(lock !== undefined);
    } finally {
      clearInterval(touching);
      lock?.release();
    }
  }
}
