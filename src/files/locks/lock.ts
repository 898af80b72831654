// Locks that the original tools see. Two kinds exist on such a host, and they do not exclude each other, so each file has its own:
//
//   fcntl   vpopmail, on FILE.lock beside what it rewrites (formats/vpopmail.md 0.5). POSIX record locks belong to a process and are lost when it closes any
//           descriptor of the file; ours are open file description locks, which conflict with the originals' in the same way and have
//           neither defect. Two holders within this process exclude each other too.
//   flock   qmail, on queue/lock/sendmutex and mailbox files (formats/qmail.md 0.3).
//
// A lock is tried without blocking and tried again after a pause, so the event loop goes on. Closing the descriptor releases it, and so does the
// death of the process. A lock file is never removed; one that was removed under us (with its domain) is noticed and opened anew.
// vpopmail gives up after about 18 seconds: `File busy try again later!`.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { TemporaryError } from '../../errors.js';
import { identityOf } from '../identity.js';
import { cLibrary } from '../native/native.js';
import { bytesPath, fileTrouble } from '../read.js';
import { makeOwnedFile } from './owned-file.js';

export type LockKind = 'fcntl' | 'flock';

export interface LockOptions {
  readonly kind: LockKind;
  /** How long to try; 18 s, as vpopmail does, unless given. */
  readonly timeoutMs?: number;
  /** Whether a missing lock file is made, with mode 0600; true unless given. */
  readonly create?: boolean;
  /** Who a lock file made here belongs to, so that the originals can open it as the domain's user. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Somebody else held the lock all the time. */
export class LockTakenError extends TemporaryError {
  constructor(path: string) {
    super('4.3.0', 'File busy try again later!', new Error(`locked by another program: ${path}`));
  }
}

/** A lock that is held. Releasing twice does nothing. */
export interface HeldLock {
  release(): void;
}

const vpopmailPatienceMs = 18_000;

/**
 * Takes the lock on the file at `path` if nobody holds it; undefined when somebody does.
 * @throws TemporaryError when the lock file cannot be opened ("could not open lock file") or the system cannot lock
 */
export function tryLock(path: string, options: LockOptions): HeldLock | undefined {
  try {
    for (;;) {
      const fd = openLockFile(path, options);
      const locked = lockDescriptor(fd, options.kind);
      if (!locked || stillNamed(fd, path)) return locked ? held(fd) : closed(fd);
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}

/** Takes the lock, waiting for its holder. @throws LockTakenError when it stays taken, or as `tryLock` */
export async function takeLock(path: string, options: LockOptions): Promise<HeldLock> {
  let deadline: number | undefined;
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 200)) {
    const lock = tryLock(path, options);
    if (lock !== undefined) return lock;
    // The clock comes with a module of its own, which a lock that is free does without.
    deadline ??= performance.now() + (options.timeoutMs ?? vpopmailPatienceMs);
    if (performance.now() + waitMs > deadline) throw new LockTakenError(path);
    await pause(waitMs);
  }
}

/** Does `work` under the lock and releases it on every path. Otherwise as `takeLock`. */
export async function withLock<T>(path: string, options: LockOptions, work: () => T | Promise<T>): Promise<T> {
  const lock = await takeLock(path, options);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function openLockFile(path: string, options: LockOptions): number {
  const { O_WRONLY, O_CREAT, O_NONBLOCK } = fs.constants;
  const existing = bytesPath(path);
  const create = options.create ?? true;
  const { uid, gid } = options;
  if (create && uid !== undefined && gid !== undefined) {
    const made = makeOwnedFile(path, { uid, gid, mode: 0o600 }, '');
    if (made !== undefined) return made;
  }
  return fs.openSync(existing, O_WRONLY | O_NONBLOCK | (create ? O_CREAT : 0), 0o600);
}

function lockDescriptor(fd: number, kind: LockKind): boolean {
  const library = cLibrary();
  if (library === undefined) {
    fs.closeSync(fd);
    throw new Error(`locks of the original tools cannot be taken on ${process.platform} ${process.arch}`);
  }
  const code = kind === 'fcntl' ? library.lockRecord(fd) : library.lockWhole(fd);
  if (code === 0) return true;
  if (code === library.errno.EAGAIN || code === library.errno.EACCES || code === library.errno.ENOLCK) return false;
  fs.closeSync(fd);
  throw new Error(`cannot lock: errno ${code}`);
}

function stillNamed(fd: number, path: string): boolean {
  const named = identityOf(bytesPath(path));
  const mine = fs.fstatSync(fd, { bigint: true });
  return named !== undefined && named.ino === mine.ino && named.dev === mine.dev;
}

function held(fd: number): HeldLock {
  let open = true;
  return {
    release() {
      if (open) fs.closeSync(fd);
      open = false;
    },
  };
}

function closed(fd: number): undefined {
  fs.closeSync(fd);
}
