// How tcprules, qmail-newu and qmail-newmrh put a new cdb in place: the temporary file is opened (and emptied) first, so that a tool that fails later leaves it, empty,
// beside the old database, which stays in force; then written, synced, closed, renamed; and, what the originals leave out, the directory is synced.
//
// Modes: 0644 less the umask, also for a temporary file that was left with another mode. No lock is taken, as by the originals: two of them at once can spoil
// each other's temporary file.

import fs from 'node:fs';
import path from 'node:path';
import { bytesPath } from '../read.js';
import { syncDirectory, syncFile } from '../sync.js';

/** A new database that is being made. `path` is its temporary name. */
export class CdbOutput {
  readonly #path: string;
  readonly #fd: number;
  #isOpen = true;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Opens the temporary file. @throws the system error */
  static create(path: string, umask: number): CdbOutput {
    const { O_WRONLY, O_NONBLOCK, O_TRUNC, O_CREAT } = fs.constants;
    const fd = fs.openSync(bytesPath(path), O_WRONLY | O_NONBLOCK | O_TRUNC | O_CREAT, 0o644);
    const status = fs.fstatSync(fd);
    const mode = 0o644 & ~umask;
    const uid = process.getuid?.();
    const mayChange = status.isFile() && (uid === status.uid || uid === 0);
    if (mayChange && (status.mode & 0o7777) !== mode) fs.fchmodSync(fd, mode);
    return new CdbOutput(path, fd);
  }

  /** Writes the whole database and makes it durable. @throws the system error */
  async write(bytes: Buffer): Promise<void> {
    fs.writeFileSync(this.#fd, bytes);
    await syncFile(this.#fd);
    this.close();
  }

  /** Puts it in the place of the old database. @throws the system error of the rename, TemporaryError when the directory cannot be synced */
  async moveTo(target: string): Promise<void> {
    fs.renameSync(bytesPath(this.#path), bytesPath(target));
    await syncDirectory(path.dirname(target));
  }

  /** After a failure the file stays where it is. Closing twice does nothing. */
  close(): void {
    if (this.#isOpen) fs.closeSync(this.#fd);
    this.#isOpen = false;
  }
}
