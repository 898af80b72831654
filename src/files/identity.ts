// Which version of a file is this? Device, inode, size, modification and change time in nanoseconds.
//
// The original tools replace most files by rename (another inode) and rewrite the others in place (another size, mtime and ctime). The change time
// cannot be set by any program, so two looks with the same five numbers have seen the same bytes, with one exception: the kernel's clock moves
// in ticks (up to 10 ms), and a second write within the tick of the first leaves the numbers as they were. Whoever keeps what it read must
// therefore not trust a version that was changed less than `racyMs` before it was read (the "racily clean" entries of git's index).

import type { BigIntStats, PathLike } from 'node:fs';
import fs from 'node:fs';
import { isMissing } from './read.js';

/** The identity of one version of a file. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** Which file it is, whatever is written to it. The number alone is that of another file soon after it was removed; when it was made tells them apart, where the file system keeps that. */
export type FileMark = Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>;

/** How long after its last change a file's identity does not prove its content: twice the coarsest kernel tick. */
export const racyMs = 20;

/**
 * The file's status with times in nanoseconds; links are followed. undefined only when nothing is there (ENOENT).
 * @throws the system error for everything else
 */
export function statusOf(path: PathLike): BigIntStats | undefined {
  try {
    return fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The identity of the file at `path` now; undefined when nothing is there. @throws the system error when it cannot be looked at */
export function identityOf(path: PathLike): Identity | undefined {
  return statusOf(path);
}

/** Whether two looks have seen the same version. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.size === b.size && a.dev === b.dev;
}

export function markOf({ dev, ino, birthtimeNs }: BigIntStats): FileMark {
  return { dev, ino, birthtimeNs };
}

/** Whether two looks have met the same file. */
export function sameFile(a: FileMark, b: FileMark): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.birthtimeNs === b.birthtimeNs;
}

/**
 * Whether a version that was read at `readAtMs` (wall clock) may have been changed since without a trace. Only the change time counts: every write
 * sets it, and nobody can set it back. A change time in the future (the clock was set back) is never trusted.
 */
export function isRacy(identity: Identity, readAtMs: number): boolean {
  return Number(identity.ctimeNs / 1_000_000n) > readAtMs - racyMs;
}
