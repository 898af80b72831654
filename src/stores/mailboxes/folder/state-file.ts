// vq-state of one mailbox, followed from one look to the next: mod-sequences, expunged UIDs, keywords without a letter (form: formats/mailbox/state-journal.ts).
//
// Every process that has the mailbox open reads what the others appended, so all of them tell clients the same mod-sequences. Reading and writing is for whoever holds
// dovecot-uidlist.lock. When the file is not there, damaged, or of another UIDVALIDITY, mod-sequences begin anew at the time in microseconds, which is above everything that was told before;
// a client then learns that everything may have changed.
//
// What cannot be written is kept in memory and written with the next change; the mailbox works all the same.

import fs from 'node:fs';
import { type FileMark, markOf, sameFile } from '../../../files/identity.js';
import { giveTo } from '../../../files/owner.js';
import { bytesPath, fileTrouble, openIfPresent, readAt, regularStatus } from '../../../files/read.js';
import {
  type JournalMessages,
  JournalWriter,
  journalHeaderBytes,
  journalRecordBytes,
  parseJournal,
  parseJournalHeader,
  serializeJournalHeader,
} from '../../../formats/mailbox/state-journal.js';
import { mailboxFiles } from '../../../layout.js';
import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import type { FileManner } from './uid-list-file.js';

interface Expunged extends NumberRange {
  readonly modSeq: number;
}

/** Ranges of expunged UIDs that are remembered. Who asks for changes before the oldest is told of all that is not there. */
const mostExpunged = 20_000;
/** The file is written anew when it has this many records more than twice what it needs. */
const slackRecords = 2000;

export class StateFile {
  readonly #path: string;
  readonly #nowMicroseconds: () => number;
  #seen: { readonly mark: FileMark; readonly size: number } | undefined;
  #uidValidity = 0;
  #floor = 0;
  #highest = 0;
  #records = 0;
  #mustRewrite = false;
  #pending = new JournalWriter();
  #expunged: Expunged[] = [];
  /** Names by number, from 26 on. */
  readonly #names = new Map<number, string>();
  /** Numbers of keywords without a letter, by UID. */
  readonly #keywords = new Map<number, Set<number>>();

  /** @param directory disk path of the mailbox @param nowMicroseconds since 1970 */
  constructor(directory: string, nowMicroseconds: () => number = () => Date.now() * 1000) {
    this.#path = mailboxFiles.state(directory);
    this.#nowMicroseconds = nowMicroseconds;
  }

  /** The highest mod-sequence that was given. */
  get highest(): number {
    return this.#highest;
  }

  /** Nothing is known of what was expunged up to this mod-sequence. */
  get floor(): number {
    return this.#floor;
  }

  get names(): ReadonlyMap<number, string> {
    return this.#names;
  }

  keywordsOf(uid: number): ReadonlySet<number> | undefined {
    return this.#keywords.get(uid);
  }

  /** What was expunged after a mod-sequence, oldest first; only what is known (see `floor`). */
  expungedSince(modSeq: number): readonly Expunged[] {
    return this.#expunged.filter((range) => range.modSeq > modSeq);
  }

  /** All ranges of UIDs that are known to have been expunged. */
  get expunged(): readonly NumberRange[] {
    return this.#expunged;
  }

  /** Whether others wrote since the last look. Costs a stat. @throws TemporaryError */
  isChanged(): boolean {
    try {
      const status = fs.statSync(bytesPath(this.#path), { bigint: true, throwIfNoEntry: false });
      const seen = this.#seen;
      if (status === undefined || seen === undefined) return status !== undefined;
      return !sameFile(status, seen.mark) || Number(status.size) !== seen.size;
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /**
   * Reads what is new. Under the lock.
   * @param known told what each record says of a message, the latest last
   * @throws TemporaryError
   */
  refresh(uidValidity: number, known: (uid: number, bits: number, modSeq: number) => void): void {
    if (uidValidity !== this.#uidValidity) this.#begin(uidValidity);
    if (!this.isChanged()) return;
    try {
      const fd = openIfPresent(bytesPath(this.#path));
      if (fd === undefined) return;
      try {
        this.#read(fd, known);
      } finally {
        fs.closeSync(fd);
      }
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /** The next mod-sequence: for everything that one operation changes. */
  next(): number {
    return ++this.#highest;
  }

  /** A message has these flags since this mod-sequence. */
  noteMessage(uid: number, bits: number, modSeq: number): void {
    // A file that is written anew has all of them.
    if (!this.#writesAll) this.#pending.message(uid, bits, modSeq);
  }

  noteExpunged(first: number, last: number, modSeq: number): void {
    this.#enterExpunged(first, last, modSeq);
    this.#pending.expunged(first, last, modSeq);
  }

  noteKeyword(uid: number, number: number, isSet: boolean, modSeq: number): void {
    this.#enterKeyword(uid, number, isSet, modSeq);
    this.#pending.keyword(uid, number, isSet, modSeq);
  }

  noteName(number: number, name: string): void {
    this.#names.set(number, name);
    this.#pending.keywordName(number, name);
  }

  /**
   * Writes what was noted. Does not throw: what could not be written is written next time.
   * @param live the messages that there are
   */
  flush(manner: () => FileManner, live: JournalMessages): void {
    const { bytes } = this.#pending;
    this.#pending = new JournalWriter();
    try {
      const isLong = this.#records > 2 * (live.count + this.#expunged.length) + slackRecords;
      if (this.#writesAll || isLong) this.#rewrite(manner(), live);
      else if (bytes.length > 0) this.#append(bytes);
    } catch {
      this.#mustRewrite = true;
    }
  }

  /** Whether the next `flush` writes the whole file. */
  get #writesAll(): boolean {
    return this.#seen === undefined || this.#mustRewrite;
  }

  #enterExpunged(first: number, last: number, modSeq: number): void {
    this.#highest = Math.max(this.#highest, modSeq);
    this.#expunged.push({ first, last, modSeq });
    for (const uid of this.#keywords.keys()) if (uid >= first && uid <= last) this.#keywords.delete(uid);
    if (this.#expunged.length <= mostExpunged) return;
    const dropped = this.#expunged.splice(0, this.#expunged.length - mostExpunged / 2);
    this.#floor = Math.max(this.#floor, dropped.at(-1)?.modSeq ?? 0);
  }

  #enterKeyword(uid: number, number: number, isSet: boolean, modSeq: number): void {
    this.#highest = Math.max(this.#highest, modSeq);
    const numbers = this.#keywords.get(uid) ?? new Set();
    if (isSet) numbers.add(number);
    else numbers.delete(number);
    if (numbers.size > 0) this.#keywords.set(uid, numbers);
    else this.#keywords.delete(uid);
  }

  #begin(uidValidity: number): void {
    this.#uidValidity = uidValidity;
    this.#seen = undefined;
    this.#highest = Math.max(this.#highest + 1, this.#nowMicroseconds());
    this.#floor = this.#highest;
    this.#records = 0;
    this.#mustRewrite = false;
    this.#expunged = [];
    this.#names.clear();
    this.#keywords.clear();
  }

  #read(fd: number, known: (uid: number, bits: number, modSeq: number) => void): void {
    const status = regularStatus(fd, this.#path);
    const size = Number(status.size);
    const seen = this.#seen;
    const isLonger = seen !== undefined && sameFile(status, seen.mark) && size >= seen.size;
    const start = isLonger ? seen.size : 0;
    const bytes = readAt(fd, start, size - start);
    if (!isLonger && !this.#adopt(bytes)) return;
    const records = isLonger ? bytes : bytes.subarray(journalHeaderBytes);
    const good = parseJournal(records, {
      message: (uid, bits, modSeq) => {
        this.#highest = Math.max(this.#highest, modSeq);
        known(uid, bits, modSeq);
      },
      expunged: (first, last, modSeq) => this.#enterExpunged(first, last, modSeq),
      keywordName: (number, name) => void this.#names.set(number, name),
      keyword: (uid, number, isSet, modSeq) => this.#enterKeyword(uid, number, isSet, modSeq),
    });
    this.#records += Math.floor(good / journalRecordBytes);
    this.#seen = { mark: markOf(status), size };
    if (good === records.length) return;
    this.#mustRewrite = true;
    // Damage may have taken mod-sequences with it that were told.
    this.#highest = Math.max(this.#highest + 1, this.#nowMicroseconds());
  }

  /** Takes over a file that was not read yet, or was written anew by another process. @returns false when it is none of this mailbox */
  #adopt(bytes: Buffer): boolean {
    const header = parseJournalHeader(bytes);
    if (header === undefined || header.uidValidity !== this.#uidValidity) return false;
    const isFirst = this.#seen === undefined;
    this.#floor = header.floor;
    this.#highest = isFirst ? header.highest : Math.max(header.highest, this.#highest);
    this.#records = 0;
    this.#expunged = [];
    this.#keywords.clear();
    this.#mustRewrite = false;
    return true;
  }

  #append(bytes: Buffer): void {
    const { O_WRONLY, O_APPEND } = fs.constants;
    const fd = fs.openSync(bytesPath(this.#path), O_WRONLY | O_APPEND);
    try {
      if (fs.writeSync(fd, bytes) !== bytes.length) throw new Error(`a short write to ${this.#path}`);
      this.#records += bytes.length / journalRecordBytes;
      this.#look(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  #rewrite({ mode, uid, gid }: FileManner, live: JournalMessages): void {
    const records = this.#allRecords(live);
    const header = serializeJournalHeader({
      uidValidity: this.#uidValidity,
      floor: this.#floor,
      highest: this.#highest,
    });
    const temporary = bytesPath(`${this.#path}.tmp`);
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
    const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    try {
      giveTo(fd, uid, gid);
      fs.fchmodSync(fd, mode);
      if (fs.writevSync(fd, [header, records]) !== header.length + records.length)
        throw new Error(`a short write to ${this.#path}`);
      fs.renameSync(temporary, bytesPath(this.#path));
      this.#look(fd);
    } finally {
      fs.closeSync(fd);
    }
    this.#records = records.length / journalRecordBytes;
    this.#mustRewrite = false;
  }

  #allRecords(live: JournalMessages): Buffer {
    const records = new JournalWriter(live.count + this.#expunged.length + 16);
    for (const [number, name] of this.#names) records.keywordName(number, name);
    for (const { first, last, modSeq } of this.#expunged) records.expunged(first, last, modSeq);
    records.messages(live);
    for (const [uid, numbers] of this.#keywords) for (const number of numbers) records.keyword(uid, number, true, 0);
    return records.bytes;
  }

  #look(fd: number): void {
    const status = fs.fstatSync(fd, { bigint: true });
    this.#seen = { mark: markOf(status), size: Number(status.size) };
  }
}
