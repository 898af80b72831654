// A lock that is the existence of a file, as Dovecot takes it on dovecot-uidlist (formats/dovecot.md 2.2).
//
//   dovecot-uidlist.lock    30976:vm        pid and host name of the holder, no LF; made with O_EXCL
//
// A lock left behind is removed: at once when it names a process of this host that is gone (and is two seconds old), else when neither it nor the file it
// guards has changed for two minutes. A live process of this host is never overridden. An empty one is of somebody who was killed before it had written who it is; it is removed when it is ten
// seconds old and stays empty while it is watched for two. After a removal some time passes before the next try, so that two waiters
// do not remove each other's. Held briefly: nobody else may touch the file for that time. Who releases looks whether the lock is still its own, and does so in the directory that it was
// made in, by whatever name that goes now: a directory that is renamed takes the lock along, which would name a live process for ever.

import fs from 'node:fs';
import os from 'node:os';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { errnoOf } from '../../errors.js';
import { sameIdentity } from '../identity.js';
import { bytesPath, fileTrouble, isMissing } from '../read.js';
import { makeOwnedFile } from './owned-file.js';

export interface DotLockOptions {
  readonly timeoutMs: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface HeldDotLock {
  /** Shows that its holder is still at work; to be called every ten seconds. Does not throw. */
  touch(): void;
  /** Removes the lock if it is still ours. Does not throw. */
  release(): void;
}

const goneHolderMs = 2_000;
const namelessHolderMs = 10_000;
const silentHolderMs = 120_000;

/**
 * Takes the lock on the file at `path`.
 * @returns undefined when somebody else held it all the time
 * @throws TemporaryError when a lock cannot be made there
 */
export async function takeDotLock(path: string, options: DotLockOptions): Promise<HeldDotLock | undefined> {
  const lockPath = bytesPath(`${path}.lock`);
  const deadline = performance.now() + options.timeoutMs;
  const watched = new StaleWatch(lockPath, bytesPath(path));
  try {
    for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 200)) {
      const held = createLock(path, options);
      if (held !== undefined) return held;
      if (performance.now() + waitMs > deadline) return undefined;
      if (watched.isStale()) {
        fs.rmSync(lockPath, { force: true });
        await pause(100 + 100 * Math.random());
      } else {
        await pause(waitMs);
      }
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}

function createLock(path: string, options: DotLockOptions): HeldDotLock | undefined {
  const directory = openDirectory(path);
  let held: HeldDotLock | undefined;
  try {
    held = createIn(directory, options);
  } finally {
    if (held === undefined) directory.close();
  }
  return held;
}

interface LockDirectory {
  /** Latin-1. */
  readonly lockPath: string;
  close(): void;
}

/** Where /proc is not there, the lock is reached through its path. */
function openDirectory(path: string): LockDirectory {
  const fd = fs.openSync(bytesPath(dirname(path)), fs.constants.O_DIRECTORY);
  const through = `/proc/self/fd/${fd}`;
  const lockPath = `${fs.existsSync(through) ? `${through}/${basename(path)}` : path}.lock`;
  let isOpen = true;
  const close = (): void => {
    if (isOpen) fs.closeSync(fd);
    isOpen = false;
  };
  return { lockPath, close };
}

function createIn({ lockPath, close }: LockDirectory, options: DotLockOptions): HeldDotLock | undefined {
  // Who it is stands in it from the start: who is killed in between leaves a lock that names nobody.
  const fd = makeOwnedFile(lockPath, options, `${process.pid}:${os.hostname()}`);
  if (fd === undefined) return undefined;
  const lock = bytesPath(lockPath);
  let made: fs.BigIntStats;
  const ifStillOurs = (act: () => void): void => {
    try {
      const now = fs.lstatSync(lock, { bigint: true, throwIfNoEntry: false });
      // A number alone may be that of another file by now.
      if (now !== undefined && sameIdentity(now, made)) act();
    } catch {
      // It cannot be looked at or removed; it will be found to be stale.
    }
  };
  let isHeld = true;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    ifStillOurs(() => fs.unlinkSync(lock));
    close();
  };
  const touch = (): void => {
    if (!isHeld) return;
    ifStillOurs(() => {
      fs.utimesSync(lock, new Date(), new Date());
      made = fs.lstatSync(lock, { bigint: true });
    });
  };
  try {
    made = fs.fstatSync(fd, { bigint: true });
  } finally {
    fs.closeSync(fd);
  }
  return { release, touch };
}

/** Watches somebody's lock for signs that its holder is gone. */
class StaleWatch {
  readonly #lockPath: string | Buffer;
  readonly #guarded: string | Buffer;
  #seen = '';
  #sinceMs = 0;

  constructor(lockPath: string | Buffer, guarded: string | Buffer) {
    this.#lockPath = lockPath;
    this.#guarded = guarded;
  }

  isStale(): boolean {
    const lock = fs.lstatSync(this.#lockPath, { throwIfNoEntry: false });
    if (lock === undefined) return false;
    const holder = lock.size === 0 ? 'nameless' : holderOf(this.#lockPath);
    const ageMs = Date.now() - lock.mtimeMs;
    if (holder === 'alive' || holder === 'gone') return holder === 'gone' && ageMs > goneHolderMs;
    const file = fs.statSync(this.#guarded, { throwIfNoEntry: false });
    const now = [lock, file].map((status) => `${status?.ino} ${status?.ctimeMs} ${status?.size}`).join();
    if (now !== this.#seen) {
      this.#seen = now;
      this.#sinceMs = performance.now();
    }
    const watchedMs = performance.now() - this.#sinceMs;
    if (holder === 'nameless') return watchedMs > goneHolderMs && ageMs > namelessHolderMs;
    return watchedMs > silentHolderMs || Date.now() - newest(lock, file) > silentHolderMs;
  }
}

function newest(lock: fs.Stats, file: fs.Stats | undefined): number {
  return Math.max(lock.ctimeMs, lock.mtimeMs, file?.ctimeMs ?? 0);
}

/** What is known of the holder: a process of this host that runs or does not, or nothing. */
function holderOf(lockPath: string | Buffer): 'alive' | 'gone' | 'elsewhere' {
  let text: string;
  try {
    text = fs.readFileSync(lockPath, 'latin1');
  } catch (error) {
    if (isMissing(error)) return 'elsewhere';
    throw error;
  }
  const [, pid, host] = /^([0-9]{1,9}):(.*)$/.exec(text) ?? [];
  if (pid === undefined || host !== os.hostname()) return 'elsewhere';
  try {
    process.kill(Number(pid), 0);
    return 'alive';
  } catch (error) {
    return errnoOf(error) === 'ESRCH' ? 'gone' : 'alive';
  }
}
