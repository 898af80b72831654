// One file of qmail's that vpopmail's tools rewrite, under its lock: users/assign, control/rcpthosts, morercpthosts, virtualdomains, locals.
//
//   FILE.lock     fcntl lock, 0600, never removed (formats/vpopmail.md 0.5)
//   FILE.PID      the new version, 0644 from the beginning, synced, renamed over FILE; it belongs to who runs the tool, as with the originals
//
// What is derived from the file (users/cdb, morercpthosts.cdb) is made before the lock is released: the originals release it first, and two of them can leave an old
// database behind. The last line counts without its LF too, and gets one. A crash leaves the old or the new file, whole, and at most FILE.PID.

import fs from 'node:fs';
import path from 'node:path';
import { describe, TemporaryError } from '../../errors.js';
import { type HeldLock, takeLock } from '../../files/locks/lock.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import type { Layout } from '../../layout.js';

/** qmail's daemons read these files as other users. */
const mode = 0o644;

/** A file while its lock is held. */
export interface LockedFile {
  readonly path: string;
  /** Its bytes; undefined when it is absent. @throws TemporaryError */
  read(): Buffer | undefined;
  /** @throws TemporaryError, and the file stays as it was */
  replace(bytes: Buffer): Promise<void>;
  /** @throws TemporaryError */
  remove(): Promise<void>;
}

/**
 * Does `work` while nobody else changes the file at `path`.
 * @throws TemporaryError when the lock cannot be had, in the words of the originals: `could not open lock file PATH`, `File busy try again later!`
 */
export async function withLockedFile<T>(
  layout: Layout,
  path: string,
  work: (file: LockedFile) => Promise<T>,
): Promise<T> {
  const lock = await lockOf(layout, path);
  try {
    return await work(lockedFile(path));
  } finally {
    lock.release();
  }
}

/** The lines of a file without their LF; none when it is absent. */
export function linesOf(bytes: Buffer | undefined): string[] {
  const lines = (bytes ?? Buffer.alloc(0)).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The file of these lines, each ended by LF. */
export function fileOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
}

async function lockOf(layout: Layout, path: string): Promise<HeldLock> {
  const lockPath = layout.lockOf(path);
  try {
    return await takeLock(lockPath, { kind: 'fcntl' });
  } catch (error) {
    if (describe(error).startsWith('File busy')) throw error;
    throw new TemporaryError('4.3.0', `could not open lock file ${layout.host(lockPath)}`, error);
  }
}

function lockedFile(file: string): LockedFile {
  const temporaryName = `${path.basename(file)}.${process.pid}`;
  return {
    path: file,
    read: () => readIfPresent(file),
    replace: (bytes) => replaceFile(file, bytes, { mode, temporaryName }),
    remove: async () => {
      fs.rmSync(bytesPath(file), { force: true });
      await syncDirectory(path.dirname(file));
    },
  };
}
