// Replacing a file so that a reader sees the old or the new one, whole, and a crash leaves one of them: write beside it, set mode and owner on
// the temporary file (the originals set them on the final name, and a reader in between gets EACCES), fsync, rename, fsync of the directory.
//
//   crash                       leaves
//   before the rename           the old file, and a temporary file with the original tool's own temporary name, which the next writer truncates
//   after the rename            the new file
//
// A failure (full disk) removes the temporary file and leaves the old one. Whoever changes several files together prepares all of them before it
// commits the first. Locks are the caller's.

import fs from 'node:fs';
import nodePath from 'node:path';
import { giveTo } from './owner.js';
import { bytesPath, fileTrouble } from './read.js';
import { syncDirectory, syncFile } from './sync.js';

/** How the new file is to look. `temporaryName` is a name in the same directory: that of the original tool. */
export interface ReplaceOptions {
  readonly mode: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly temporaryName: string;
}

/** A new version that lies beside the file, written and synced. Exactly one of the two is to be called. */
export interface Replacement {
  /**
   * Renames it over the file, before it returns, so that several done in a row follow each other at once. The directory is not synced yet. @throws TemporaryError, and
   * the old file stays
   */
  commit(): Promise<void>;
  /** Removes it. Does not throw. */
  abandon(): Promise<void>;
}

/**
 * Writes the new version of the file at `path` beside it and makes it durable.
 * @throws TemporaryError, and nothing is left beside the old file
 */
export async function prepareReplacement(
  path: string,
  bytes: Uint8Array,
  options: ReplaceOptions,
): Promise<Replacement> {
  const temporary = bytesPath(nodePath.join(nodePath.dirname(path), options.temporaryName));
  const abandon = async (): Promise<void> => {
    try {
      fs.unlinkSync(temporary);
    } catch {
      // It is gone, or stays for the next writer to truncate.
    }
  };
  try {
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;
    const fd = fs.openSync(temporary, flags, options.mode);
    try {
      fill(fd, bytes, options);
      await syncFile(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    await abandon();
    throw fileTrouble(error);
  }
  const commit = async (): Promise<void> => {
    try {
      fs.renameSync(temporary, bytesPath(path));
    } catch (error) {
      await abandon();
      throw fileTrouble(error);
    }
  };
  return { commit, abandon };
}

/** At once: what is written is in the kernel's memory in a fraction of the time that the thread pool takes for it. */
function fill(fd: number, bytes: Uint8Array, { mode, uid, gid }: ReplaceOptions): void {
  if (uid !== undefined && gid !== undefined) giveTo(fd, uid, gid);
  fs.fchmodSync(fd, mode);
  fs.writeFileSync(fd, bytes);
}

/** Replaces the file at `path`, durably. @throws TemporaryError, and the old file stays */
export async function replaceFile(path: string, bytes: Uint8Array, options: ReplaceOptions): Promise<void> {
  await replaceFileForNow(path, bytes, options);
  await syncDirectory(nodePath.dirname(path));
}

/** As `replaceFile`, before a change of the same directory that is synced: until then a crash may bring the old file back. @throws TemporaryError, and the old file stays */
export async function replaceFileForNow(path: string, bytes: Uint8Array, options: ReplaceOptions): Promise<void> {
  const replacement = await prepareReplacement(path, bytes, options);
  await replacement.commit();
}
