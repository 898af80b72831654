// How tcprules, qmail-newu and qmail-newmrh put a new cdb in place: the temporary file is opened (and emptied) first, so that a tool that fails later leaves it, empty,
// beside the old database, which stays in force; then written, synced, closed, renamed; and, what the originals leave out, the directory is synced.
//
// Modes: 0644 less the umask, also for a temporary file that was left with another mode. No lock is taken, as by the originals: two of them at once can spoil
// each other's temporary file.

import { constants } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { bytesPath } from '../read.js';
import { syncDirectory } from '../sync.js';

/** A new database that is being made. `path` is its temporary name. */
export class CdbOutput {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens the temporary file. @throws the system error */
  static async create(path: string, umask: number): Promise<CdbOutput> {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_TRUNC | constants.O_CREAT;
    const file = await open(bytesPath(path), flags, 0o644);
    const status = await file.stat();
    const mode = 0o644 & ~umask;
    const uid = process.getuid?.();
    const mayChange = status.isFile() && (uid === status.uid || uid === 0);
    if (mayChange && (status.mode & 0o7777) !== mode) await file.chmod(mode);
    return new CdbOutput(path, file);
  }

  /** Writes the whole database and makes it durable. @throws the system error */
  async write(bytes: Buffer): Promise<void> {
    await this.#file.writeFile(bytes);
    await this.#file.sync();
    await this.#file.close();
  }

  /** Puts it in the place of the old database. @throws the system error of the rename, TemporaryError when the directory cannot be synced */
  async moveTo(target: string): Promise<void> {
    await rename(bytesPath(this.#path), bytesPath(target));
    await syncDirectory(path.dirname(target));
  }

  /** Closes the file after a failure; it stays where it is. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}
