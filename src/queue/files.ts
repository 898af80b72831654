// Every act of the queue on the disk, one method each, so that a test can stop the process before any of them, or have one fail.
//
// Files of the queue are small and in the cache, so they are read and written at once. What waits for the disk is waited for: fsync, and where many messages go through also the making and
// removing of names, which wait for the file system's journal. Errors are the system's own: who calls knows what its failure means.

import fs from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { bytesPath, fileTrouble, isMissing } from '../files/read.js';
import { syncDirectory } from '../files/sync.js';
import type { Ids } from './owners.js';

export type QueueAct =
  | 'create'
  | 'append'
  | 'write'
  | 'mark'
  | 'sync'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'times'
  | 'read'
  | 'stat'
  | 'list'
  | 'sync-directory'
  | 'pull';

/** Called before each act with the path it is about. What it throws is the act's failure. */
export type BeforeAct = (act: QueueAct, path: string) => void;

/** What is asked of a file: seconds since 1970 are whole. */
export interface QueueFileStatus {
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly accessedSeconds: number;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NONBLOCK, O_NOFOLLOW } = fs.constants;

const chunkBytes = 64 * 1024;

export class QueueFiles {
  readonly #before: BeforeAct;

  constructor(before: BeforeAct = () => {}) {
    this.#before = before;
  }

  /** A new file, which must not be there. Its owner is set where one is given. @throws the system error */
  create(file: string, mode: number, owner?: Ids): NewFile {
    this.#before('create', file);
    return new NewFile(this.#open(file, O_WRONLY | O_CREAT | O_EXCL, mode, owner), file, this.#before);
  }

  /** The same, without holding up what else this process does. @throws the system error */
  async make(file: string, mode: number, owner?: Ids): Promise<NewFile> {
    this.#before('create', file);
    const fd = await openDescriptor(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    return new NewFile(settled(fd, mode, owner), file, this.#before);
  }

  /** A file that is there, to be added to; undefined when it is absent. @throws the system error */
  append(file: string): NewFile | undefined {
    this.#before('append', file);
    try {
      const fd = fs.openSync(bytesPath(file), O_WRONLY | O_NONBLOCK | O_APPEND);
      return new NewFile(fd, file, this.#before);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Overwrites one byte. @throws the system error */
  mark(file: string, offset: number, byte: number): void {
    this.#before('mark', file);
    const fd = fs.openSync(bytesPath(file), O_WRONLY | O_NONBLOCK);
    try {
      fs.writeSync(fd, Buffer.of(byte), 0, 1, offset);
    } finally {
      fs.closeSync(fd);
    }
  }

  link(from: string, to: string): void {
    this.#before('link', to);
    fs.linkSync(bytesPath(from), bytesPath(to));
  }

  rename(from: string, to: string): void {
    this.#before('rename', to);
    fs.renameSync(bytesPath(from), bytesPath(to));
  }

  /** Renames to a name that nothing has. @throws the system error, EEXIST too */
  renameNew(from: string, to: string): void {
    this.#before('rename', to);
    const target = bytesPath(to);
    if (fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined)
      throw Object.assign(new Error(`EEXIST: ${to} is there`), { code: 'EEXIST' });
    fs.renameSync(bytesPath(from), target);
  }

  /** Removes a file; one that is not there is fine. @throws the system error */
  unlink(file: string): void {
    // An error costs more than a look.
    if (fs.lstatSync(bytesPath(file), { throwIfNoEntry: false }) === undefined) return;
    this.#before('unlink', file);
    try {
      fs.unlinkSync(bytesPath(file));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** The same, without holding up what else this process does. @throws the system error */
  async remove(file: string): Promise<void> {
    this.#before('unlink', file);
    try {
      await unlink(bytesPath(file));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Sets both times of a file. @throws the system error */
  setTimes(file: string, seconds: number): void {
    this.#before('times', file);
    fs.utimesSync(bytesPath(file), seconds, seconds);
  }

  /** The whole file; undefined when it is absent. @throws the system error */
  read(file: string): Buffer | undefined {
    this.#before('read', file);
    try {
      return fs.readFileSync(bytesPath(file));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The bytes of a file that may be large. @throws the system error, also when it is absent */
  async *chunks(file: string): AsyncGenerator<Buffer> {
    this.#before('read', file);
    const handle = await open(bytesPath(file), O_RDONLY | O_NONBLOCK);
    try {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** undefined when the file is absent. @throws the system error */
  status(file: string): QueueFileStatus | undefined {
    this.#before('stat', file);
    const status = fs.statSync(bytesPath(file), { throwIfNoEntry: false });
    if (status === undefined) return undefined;
    const { size, mtimeMs, atimeMs } = status;
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    return { sizeBytes: size, modifiedSeconds: seconds(mtimeMs), accessedSeconds: seconds(atimeMs) };
  }

  /** The names in a directory; undefined when it is absent. @throws TemporaryError */
  async list(directory: string): Promise<string[] | undefined> {
    this.#before('list', directory);
    try {
      return await readdir(bytesPath(directory), { encoding: 'latin1' });
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileTrouble(error);
    }
  }

  /** Makes the entry of a file durable. @throws TemporaryError */
  async syncEntry(file: string): Promise<void> {
    this.#before('sync-directory', file);
    await syncDirectory(path.dirname(file));
  }

  /** Wakes whoever works on the queue. Nobody may be there, or it may be out of reach: neither matters (formats/qmail.md 3.7). */
  pullTrigger(trigger: string): void {
    this.#before('pull', trigger);
    try {
      const fd = fs.openSync(bytesPath(trigger), O_WRONLY | O_NONBLOCK);
      try {
        if (fs.fstatSync(fd).isFIFO()) fs.writeSync(fd, Buffer.of(0));
      } finally {
        fs.closeSync(fd);
      }
    } catch {
      // As said above.
    }
  }

  #open(file: string, flags: number, mode: number, owner: Ids | undefined): number {
    return settled(fs.openSync(bytesPath(file), flags | O_NOFOLLOW, mode), mode, owner);
  }
}

/** A descriptor of a new file, with its mode and owner, or closed. @throws the system error */
function settled(fd: number, mode: number, owner: Ids | undefined): number {
  try {
    fs.fchmodSync(fd, mode);
    if (owner !== undefined) fs.fchownSync(fd, owner.uid, owner.gid);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** A plain descriptor: unlike a FileHandle it may be closed at any moment. */
function openDescriptor(file: string, flags: number, mode: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(bytesPath(file), flags, mode, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

/** Whether this process may make files in all of these directories, by the uid that it works with: access(2) would ask for another one. */
export function mayWriteQueue(directories: readonly string[]): boolean {
  const uid = process.geteuid?.() ?? 0;
  const [gid, groups] = [process.getegid?.() ?? 0, process.getgroups?.() ?? []];
  try {
    return directories.every((directory) => {
      const status = fs.statSync(bytesPath(directory));
      if (uid === 0) return true;
      const shift = status.uid === uid ? 6 : status.gid === gid || groups.includes(status.gid) ? 3 : 0;
      return ((status.mode >> shift) & 0o3) === 0o3;
    });
  } catch {
    return false;
  }
}

/** A file that is being written. It is to be closed on every path. */
export class NewFile {
  readonly path: string;
  readonly #fd: number;
  readonly #before: BeforeAct;
  #isOpen = true;
  #syncs = 0;

  constructor(fd: number, file: string, before: BeforeAct) {
    this.#fd = fd;
    this.path = file;
    this.#before = before;
  }

  /** The number of the file in its file system. */
  get inode(): string {
    return fs.fstatSync(this.#fd, { bigint: true }).ino.toString();
  }

  /** @throws the system error */
  write(bytes: Buffer): void {
    this.#before('write', this.path);
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at);
  }

  /** Makes the bytes durable. @throws the system error */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#before('sync', this.path);
      this.#syncs++;
      fs.fsync(this.#fd, (error) => {
        this.#syncs--;
        if (!this.#isOpen) this.#closeUnlessSynced();
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  get sizeBytes(): number {
    return fs.fstatSync(this.#fd).size;
  }

  /** Cuts the file. Does not throw. */
  truncate(sizeBytes: number): void {
    try {
      fs.ftruncateSync(this.#fd, sizeBytes);
    } catch {
      // The disk is in trouble, and that has been told.
    }
  }

  /** Twice does nothing. A sync that runs ends before. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closeUnlessSynced();
  }

  #closeUnlessSynced(): void {
    if (this.#syncs === 0) fs.closeSync(this.#fd);
  }
}
