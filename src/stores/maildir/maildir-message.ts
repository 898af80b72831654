// One message on its way into a Maildir: written under a new name in tmp/, synced, then linked into new/ (formats/qmail.md 6.7, vpopmail.md 4.7).
//
//   state          on disk                                a crash leaves
//   create         tmp/NAME, growing                      a file in tmp/ that readers remove after 36 hours
//   synced         tmp/NAME, whole and durable            the same
//   moved          new/NAME[,S=SIZE]                      the message, once or (if the entry was not yet synced) not at all
//   entered        the same, and new/ is synced           the message
//
// tmp/NAME is opened with O_EXCL, and the move is link and unlink, never a rename: an existing file is not overwritten, whoever made it. A name that is
// taken is exchanged for another. Mode 0600, owner as asked where the process may. The originals neither use O_EXCL (vdelivermail) nor sync
// new/; a reader cannot tell the difference.
//
// Opening, writing and linking are synchronous: together a tenth of a millisecond, half of what the thread pool would cost, also while the file system's
// journal commits (test/bench/delivery.ts measures it). Only fsync and the data of large messages go to the pool.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { syncDirectory, syncFile } from '../../files/sync.js';
import { sizedName, UniqueNames } from '../../formats/maildir/maildir-name.js';

/** How often a name that is taken is exchanged before that is called trouble. */
const attempts = 5;

/** Whom a new file is given to. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

// The names of one process must all come from one maker to be unique; it holds the last name's time and nothing else.
const names = new UniqueNames({ pid: process.pid, hostName: os.hostname() }, () => Date.now() * 1000);

/** A name that no other message of this host has. */
export function nextUniqueName(): string {
  return names.next();
}

/** Every method that touches the disk throws the system error. */
export class MessageFile {
  readonly maildir: string;
  #fd: number;
  #unique: string;
  #temporary: string | Buffer;
  #entered: string | Buffer | undefined;
  #part: 'new' | 'cur' = 'new';
  #sizeBytes = 0;

  private constructor(maildir: string, fd: number, unique: string, temporary: string | Buffer) {
    this.maildir = maildir;
    this.#fd = fd;
    this.#unique = unique;
    this.#temporary = temporary;
  }

  /** Opens a new file in the tmp/ of a Maildir (disk path). @param name its unique name, unless it is taken there @param mode less the process's mask */
  static create(maildir: string, owner: FileOwner, name = names.next(), mode = 0o600): MessageFile {
    const flags = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
    const { value: fd, unique } = withNewName(
      (unique) => fs.openSync(bytesPath(path.join(maildir, 'tmp', unique)), flags, mode),
      name,
    );
    const message = new MessageFile(maildir, fd, unique, bytesPath(path.join(maildir, 'tmp', unique)));
    try {
      giveTo(fd, owner.uid, owner.gid);
    } catch (error) {
      message.discard();
      throw error;
    }
    return message;
  }

  /** Bytes written so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Writes all of the parts. For small messages. */
  write(parts: readonly Buffer[]): void {
    let rest = after(parts, 0);
    while (rest.length > 0) {
      const written = fs.writevSync(this.#fd, rest);
      this.#sizeBytes += written;
      rest = after(rest, written);
    }
  }

  /** The same off the event loop. One call at a time. */
  async writeLater(parts: readonly Buffer[]): Promise<void> {
    let rest = after(parts, 0);
    while (rest.length > 0) {
      const written = await writev(this.#fd, rest);
      this.#sizeBytes += written;
      rest = after(rest, written);
    }
  }

  /** Reads what was written, off the event loop; fewer bytes only at the end. */
  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = await read(this.#fd, buffer, filled, length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  /** Makes the content durable and closes the file. */
  async sync(): Promise<void> {
    await syncFile(this.#fd);
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }

  /** What its modification time shall be; it is INTERNALDATE for IMAP. Before `sync`. */
  setTime(milliseconds: number): void {
    fs.futimesSync(this.#fd, milliseconds / 1000, milliseconds / 1000);
  }

  /** Puts the synced message into new/. @param named whether its size becomes a part of its name, as vdelivermail does */
  move(named: 'with-size' | 'plain'): void {
    this.enter('new', (unique) => (named === 'with-size' ? sizedName(unique, this.#sizeBytes) : unique));
  }

  /** Puts the synced message into new/ or cur/. @param nameOf the file name for a unique name @returns its file name */
  enter(part: 'new' | 'cur', nameOf: (unique: string) => string): string {
    const target = (unique: string): string | Buffer => bytesPath(path.join(this.maildir, part, nameOf(unique)));
    const { unique } = withNewName((unique) => linkOrRename(this.#temporary, target(unique)), this.#unique);
    this.#part = part;
    this.#entered = target(unique);
    removeQuietly(this.#temporary);
    return nameOf(unique);
  }

  /** Makes the entry durable. @throws TemporaryError */
  async syncEntry(): Promise<void> {
    await syncDirectory(path.join(this.maildir, this.#part));
  }

  /**
   * Removes what there is of the message. Does not throw.
   * @returns false when it was in new/ and could not be taken back, because a reader has moved it or the system refuses
   */
  discard(): boolean {
    if (this.#fd >= 0) fs.close(this.#fd, () => {});
    this.#fd = -1;
    if (this.#entered !== undefined) return removeQuietly(this.#entered);
    removeQuietly(this.#temporary);
    return true;
  }
}

function withNewName<T>(use: (unique: string) => T, first: string): { value: T; unique: string } {
  let unique = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return { value: use(unique), unique };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt === attempts) throw error;
      unique = names.next();
    }
  }
}

/** errnos of file systems without hard links; there a rename to a name that nothing has must do. */
const noLinks: ReadonlySet<string | undefined> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

function linkOrRename(from: string | Buffer, to: string | Buffer): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if (!noLinks.has(errnoOf(error))) throw error;
    if (fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
      throw Object.assign(new Error('EEXIST: a file of this name is there'), { code: 'EEXIST' });
    }
    fs.renameSync(from, to);
  }
}

/** Whether the file is gone by this call. */
function removeQuietly(file: string | Buffer): boolean {
  try {
    fs.unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** What is left of the parts after the first `count` bytes; no empty part stands first. */
function after(parts: readonly Buffer[], count: number): readonly Buffer[] {
  let skipped = 0;
  for (const [index, part] of parts.entries()) {
    if (skipped + part.length > count) return [part.subarray(count - skipped), ...parts.slice(index + 1)];
    skipped += part.length;
  }
  return [];
}

function writev(fd: number, parts: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, parts, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

function read(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, length, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
