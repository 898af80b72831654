// What was worked out of the messages of one mailbox, such as the texts of ENVELOPE, kept for the next time in vq-cache beside them (cache-file.ts). All processes that have the mailbox open share it.
// It is only a help: whoever deletes it, or damages it, costs time, and trouble with the file is not told.
//
// A message is told by its UID and the base of its file name: whatever has this name is this message, as a Maildir promises. Entries are named by who makes them, and their values mean nothing here.
//
//   open       who is about to ask; the file is read, once, if it is another than before
//   find       the entries of a message
//   note       entries that were not there, kept in memory at first
//   close      writes what was noted, and closes the file when nobody asks any more

import {
  baseChecksum,
  type CacheRecord,
  entriesOfRecord,
  entryOfRecord,
  serializeCacheRecord,
} from '../../formats/mailbox/message-cache.js';
import { CacheFile, type CacheManner } from './cache-file.js';

/** The messages that there are; a MessageTable. */
export interface CachedMessages {
  readonly count: number;
  uidAt(index: number): number;
  baseAt(index: number): string;
}

export interface CachePlace {
  /** Disk path of the file. */
  readonly path: string;
  readonly messages: CachedMessages;
  /** Another number whenever the values that are kept are made otherwise. */
  readonly valuesVersion: number;
  /** How the file is made. @throws the system error */
  manner(): CacheManner;
}

/** What one message may take of the file; more is not kept. */
const mostEntryBytes = 64 * 1024;
const mostNameBytes = 1024;
const mostEntries = 16;
/** Noted entries are written when there is so much of them. */
const enoughBytes = 128 * 1024;
/** The file is written anew when it has this many records more than twice what it needs. */
const slackRecords = 1000;

interface Noted {
  readonly base: string;
  readonly entries: Map<string, Buffer>;
}

export class MessageCache {
  readonly #place: CachePlace;
  readonly #file: CacheFile;
  #users = 0;
  #opening: Promise<void> | undefined;
  #noted = new Map<number, Noted>();
  #notedBytes = 0;
  #isReplacing = false;

  constructor(place: CachePlace) {
    this.#place = place;
    this.#file = new CacheFile(place.path, place.valuesVersion);
  }

  /** To be followed by one `close`. */
  async open(uidValidity: number): Promise<void> {
    this.#users++;
    if (this.#users === 1) {
      this.#drop();
      this.#opening = this.#file.open(uidValidity);
    }
    await this.#opening;
  }

  /** An entry of a message; undefined when it is not known. */
  find(uid: number, base: string, name: string): Buffer | undefined {
    const noted = this.#noted.get(uid)?.entries.get(name);
    if (noted !== undefined) return noted;
    const record = this.#recordOf(uid, base);
    return record && entryOfRecord(record, name);
  }

  /** Several entries at once; undefined when not all are known. */
  findAll(uid: number, base: string, names: readonly string[]): Buffer[] | undefined {
    const record = this.#recordOf(uid, base);
    if (record === undefined) return undefined;
    const values: Buffer[] = [];
    for (const name of names) {
      const value = entryOfRecord(record, name);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  /** Entries that `find` did not have. Large ones are not kept. @returns to be awaited if it is a promise, before more is noted */
  note(
    uid: number,
    base: string,
    entries: Iterable<readonly [name: string, value: Buffer]>,
  ): Promise<void> | undefined {
    const known = this.#noted.get(uid) ?? { base, entries: this.#entriesOf(uid, base) };
    let isMore = false;
    for (const [name, value] of entries) {
      if (value.length > mostEntryBytes || name.length > mostNameBytes || known.entries.size >= mostEntries) continue;
      known.entries.set(name, value);
      this.#notedBytes += value.length;
      isMore = true;
    }
    if (!isMore) return undefined;
    this.#noted.set(uid, known);
    return this.#notedBytes >= enoughBytes && !this.#isReplacing ? this.#write() : undefined;
  }

  /** Writes what was noted. */
  async close(): Promise<void> {
    if (this.#noted.size > 0 && !this.#isReplacing) await this.#write();
    this.#users--;
    if (this.#users === 0) this.#file.close();
  }

  /** Whether somebody uses it, so that `find` finds something. */
  get isOpen(): boolean {
    return this.#users > 0;
  }

  #recordOf(uid: number, base: string): CacheRecord | undefined {
    const record = this.#file.recordOf(uid);
    return record !== undefined && record.baseChecksum === baseChecksum(base) ? record : undefined;
  }

  #entriesOf(uid: number, base: string): Map<string, Buffer> {
    const record = this.#recordOf(uid, base);
    return record === undefined ? new Map() : entriesOfRecord(record);
  }

  /** Never fails: what a full disk does not take is not known next time. */
  async #write(): Promise<void> {
    const isLong = this.#file.recordCount > 2 * this.#place.messages.count + slackRecords;
    try {
      if (!this.#file.isOpen || isLong || !this.#file.hasRoom) await this.#replace();
      else this.#append();
    } catch {
      this.#drop();
    }
  }

  #append(): void {
    const noted = this.#noted;
    this.#drop();
    this.#file.append(
      [...noted].map(([uid, { base, entries }]) => ({ uid, bytes: serializeCacheRecord(uid, base, entries) })),
    );
  }

  /** Writes the file anew, with what it has of messages that there are. */
  async #replace(): Promise<void> {
    this.#isReplacing = true;
    const noted = this.#noted;
    this.#drop();
    try {
      await this.#file.replace(this.#place.manner(), this.#allRecords(noted));
    } finally {
      this.#isReplacing = false;
    }
  }

  *#allRecords(noted: ReadonlyMap<number, Noted>): Generator<{ uid: number; bytes: Buffer }> {
    const { messages } = this.#place;
    for (let index = 0; index < messages.count; index++) {
      const uid = messages.uidAt(index);
      const base = messages.baseAt(index);
      const news = noted.get(uid);
      const bytes =
        news === undefined ? this.#recordOf(uid, base)?.bytes : serializeCacheRecord(uid, base, news.entries);
      if (bytes !== undefined) yield { uid, bytes };
    }
  }

  #drop(): void {
    this.#noted = new Map();
    this.#notedBytes = 0;
  }
}
