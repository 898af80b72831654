// vq-cache as it stands on disk (form: formats/mailbox/message-cache.ts), followed from one use to the next.
//
// Nobody locks it. A batch of records is one write at the end; a file that is out of date for the most part is replaced by rename, and what another process appended to the old one meanwhile
// is lost, which costs time only. What is not there, not ours, or of another UIDVALIDITY counts as empty.
//
//   the file since the last use            what is read
//   same device, inode and size            nothing
//   same device and inode, longer          the new records
//   anything else                          all of it

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../../errors.js';
import { type FileMark, markOf, sameFile } from '../../files/identity.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, readAt } from '../../files/read.js';
import {
  type CacheRecord,
  cacheHeaderBytes,
  longestRecord,
  nextCacheRecord,
  parseCacheHeader,
  parseCacheRecord,
  serializeCacheHeader,
} from '../../formats/mailbox/message-cache.js';
import { UidOffsets } from './uid-offsets.js';

/** How the file is made. */
export interface CacheManner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const scanBytes = 1024 * 1024;
/** Read at once where one message after the other is asked for, and where not. */
const rowBytes = 64 * 1024;
const singleBytes = 8 * 1024;
/** Offsets are kept in 32 bits. */
const mostBytes = 0xffff_ffff;
const abandonedMs = 60_000;

export class CacheFile {
  readonly #path: string | Buffer;
  readonly #temporary: string | Buffer;
  readonly #valuesVersion: number;
  #fd: number | undefined;
  #seen: FileMark | undefined;
  #uidValidity = 0;
  /** Records up to here are known. */
  #knownTo = 0;
  #offsets = new UidOffsets();
  #records = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  /** @param path disk path of the file @param valuesVersion of the values that are put into it; a file with others counts for nothing */
  constructor(path: string, valuesVersion: number) {
    this.#valuesVersion = valuesVersion;
    this.#path = bytesPath(path);
    this.#temporary = bytesPath(`${path}.tmp`);
  }

  /** How many records the file has, and of how many messages. */
  get recordCount(): number {
    return this.#records;
  }

  get messageCount(): number {
    return this.#offsets.count;
  }

  get hasRoom(): boolean {
    return this.#knownTo < mostBytes - 64 * longestRecord;
  }

  /** Opens the file, if there is one of this mailbox, and reads what is new in it. */
  async open(uidValidity: number): Promise<void> {
    this.close();
    if (uidValidity !== this.#uidValidity) this.#forget();
    this.#uidValidity = uidValidity;
    try {
      const { O_RDWR, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
      const fd = fs.openSync(this.#path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
      try {
        if (!this.#adopt(fd)) {
          fs.closeSync(fd);
          return;
        }
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
      this.#fd = fd;
      await this.#readNew();
    } catch {
      // Not there, or not to be read: then nothing is known.
      this.close();
      this.#forget();
    }
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
    this.#window = Buffer.alloc(0);
  }

  get isOpen(): boolean {
    return this.#fd !== undefined;
  }

  /** The last record of a message; undefined when there is none, or it is damaged. Its bytes stay what they are. */
  recordOf(uid: number): CacheRecord | undefined {
    const at = this.#offsets.get(uid);
    if (at === undefined || this.#fd === undefined) return undefined;
    const inWindow = at - this.#windowAt;
    let record = inWindow < 0 ? undefined : parseCacheRecord(this.#window, inWindow);
    if (record === undefined || record === 'short') {
      this.#moveWindow(this.#fd, at);
      record = parseCacheRecord(this.#window, 0);
    }
    if (record === 'short') {
      const length = this.#window.length < 8 ? 0 : this.#window.readUInt32LE(4);
      record = parseCacheRecord(readAt(this.#fd, at, Math.min(length, longestRecord)), 0);
    }
    return record === undefined || record === 'short' || record.uid !== uid ? undefined : record;
  }

  /** Adds records. @throws the system error */
  append(records: readonly { readonly uid: number; readonly bytes: Buffer }[]): void {
    if (this.#fd === undefined) return;
    const before = fs.fstatSync(this.#fd).size;
    const bytes = Buffer.concat(records.map((record) => record.bytes));
    const isWhole = fs.writeSync(this.#fd, bytes) === bytes.length;
    // Who appends at the same time has written before us or behind: then the next use finds out.
    if (!isWhole || before !== this.#knownTo || fs.fstatSync(this.#fd).size !== before + bytes.length) return;
    for (const record of records) {
      this.#enter(record.uid, this.#knownTo);
      this.#knownTo += record.bytes.length;
    }
  }

  /**
   * Writes a file with these records in place of the one that is there, and goes on with it.
   * @returns false when somebody else is about it
   * @throws the system error
   */
  async replace(
    manner: CacheManner,
    records: Iterable<{ readonly uid: number; readonly bytes: Buffer }>,
  ): Promise<boolean> {
    const fd = this.#beginTemporary(manner);
    if (fd === undefined) return false;
    try {
      const offsets = new UidOffsets();
      let [at, count] = [cacheHeaderBytes, 0];
      let pieces: Buffer[] = [
        serializeCacheHeader({ uidValidity: this.#uidValidity, valuesVersion: this.#valuesVersion }),
      ];
      let gathered = 0;
      const write = (): void => {
        const bytes = Buffer.concat(pieces);
        if (fs.writeSync(fd, bytes) !== bytes.length) throw new Error('a short write to vq-cache.tmp');
        [pieces, gathered] = [[], 0];
      };
      for (const { uid, bytes } of records) {
        pieces.push(bytes);
        offsets.set(uid, at);
        at += bytes.length;
        gathered += bytes.length;
        count++;
        if (gathered < scanBytes) continue;
        write();
        await nextTurn();
      }
      write();
      fs.renameSync(this.#temporary, this.#path);
      this.close();
      this.#fd = fd;
      this.#seen = markOf(fs.fstatSync(fd, { bigint: true }));
      this.#offsets = offsets;
      this.#records = count;
      this.#knownTo = at;
      return true;
    } catch (error) {
      fs.closeSync(fd);
      fs.rmSync(this.#temporary, { force: true });
      throw error;
    }
  }

  #forget(): void {
    this.#seen = undefined;
    this.#offsets = new UidOffsets();
    this.#records = 0;
    this.#knownTo = cacheHeaderBytes;
  }

  /** @returns false when it is not a file of ours for this mailbox */
  #adopt(fd: number): boolean {
    const status = fs.fstatSync(fd, { bigint: true });
    const isKnown = this.#seen !== undefined && sameFile(status, this.#seen) && status.size >= this.#knownTo;
    if (!isKnown) this.#forget();
    if (!status.isFile()) return false;
    if (!isKnown && !this.#isOurs(readAt(fd, 0, Math.min(cacheHeaderBytes, Number(status.size))))) return false;
    this.#seen = markOf(status);
    return true;
  }

  #isOurs(start: Buffer): boolean {
    const header = parseCacheHeader(start);
    return header?.uidValidity === this.#uidValidity && header.valuesVersion === this.#valuesVersion;
  }

  async #readNew(): Promise<void> {
    for (;;) {
      const fd = this.#fd;
      if (fd === undefined) return;
      const size = Math.min(fs.fstatSync(fd).size, mostBytes);
      const bytes = readAt(fd, this.#knownTo, Math.min(scanBytes + longestRecord, size - this.#knownTo));
      const isLast = this.#knownTo + bytes.length >= size;
      this.#scan(bytes, isLast);
      if (isLast) return;
      await nextTurn();
    }
  }

  /** Enters the records of the next piece. What may be going on being written at the end of the file is left for later. */
  #scan(bytes: Buffer, isLast: boolean): void {
    let at = 0;
    while (at < bytes.length && (isLast || at < scanBytes)) {
      const record = parseCacheRecord(bytes, at);
      if (record === 'short') break;
      if (record === undefined) at = nextCacheRecord(bytes, at + 1);
      else {
        this.#enter(record.uid, this.#knownTo + at);
        at += record.bytes.length;
      }
    }
    this.#knownTo += at;
  }

  #enter(uid: number, offset: number): void {
    this.#offsets.set(uid, offset);
    this.#records++;
  }

  #moveWindow(fd: number, at: number): void {
    const end = this.#windowAt + this.#window.length;
    const isNext = at >= this.#windowAt && at <= end + singleBytes;
    const wanted = Math.max(0, Math.min(isNext ? rowBytes : singleBytes, this.#knownTo - at));
    // A buffer of its own: records that were given out are parts of the one before.
    this.#window = readAt(fd, at, wanted);
    this.#windowAt = at;
  }

  #beginTemporary({ mode, uid, gid }: CacheManner): number | undefined {
    const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = fs.constants;
    try {
      const fd = fs.openSync(this.#temporary, O_RDWR | O_CREAT | O_EXCL | O_APPEND, mode);
      giveTo(fd, uid, gid);
      fs.fchmodSync(fd, mode);
      return fd;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const status = fs.lstatSync(this.#temporary, { throwIfNoEntry: false });
      // Left behind by a process that was killed.
      if (status !== undefined && status.mtimeMs < Date.now() - abandonedMs) fs.unlinkSync(this.#temporary);
      return undefined;
    }
  }
}
