// dovecot-uidlist as it stands on disk, followed from one look to the next (formats/dovecot.md 2.1; form: formats/mailbox/dovecot-uidlist.ts).
//
//   the file since the last look           what is read
//   the same one, of the same size         nothing: it is appended to or replaced, never changed in place
//   the same one, longer                   the new lines
//   anything else                          all of it
//
// Writing is for whoever holds dovecot-uidlist.lock: new records are appended with one write and made durable; the whole is written anew when it is version 1, has no GUID, a bad line or two
// records for one name, or when more than a quarter of its records are of messages that are gone. N never falls, so a UID that was given is never given again. What stands behind a bad
// line gets new UIDs, above every number that the file claims anywhere.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileMark, markOf, sameFile } from '../../../files/identity.js';
import { bytesPath, fileTrouble, openIfPresent, readAt, regularStatus } from '../../../files/read.js';
import { replaceFile } from '../../../files/replace.js';
import {
  parseUidListHeader,
  parseUidRecords,
  type UidListHeader,
  UidListWriter,
  type UidRecord,
} from '../../../formats/mailbox/dovecot-uidlist.js';
import { mailboxFiles } from '../../../layout.js';
import type { Owner } from '../mailbox-types.js';

/** How a file is made: by the mode of its directory (formats/dovecot.md 1.8). */
export interface FileManner extends Owner {
  readonly mode: number;
}

export interface AppendUids {
  /** Asked when the file is written anew. */
  readonly manner: () => FileManner;
  /** How many of the records before belong to a message, and which. */
  readonly live: number;
  isLive(uid: number): boolean;
  /** Old names of messages that were copied under a new one. */
  readonly guids?: ReadonlyMap<string, string> | undefined;
}

const noExtensions: readonly string[] = [];
const linesInARow = 20_000;
/** Live records below this share of all: the file is written anew. */
const leastLive = 0.75;
const fewRecords = 100;

interface Seen {
  readonly mark: FileMark;
  readonly size: number;
}

export class UidListFile {
  readonly #path: string;
  #seen: Seen | undefined;
  #header: UidListHeader | undefined;
  /** UID by base, of all records but those of `#late`, by rising UID. */
  #uids = new Map<string, number>();
  /** A new list's records, by their UIDs: they are entered when somebody asks for one, which the first look at a mailbox need not wait for. */
  #late: { readonly firstUid: number; readonly bases: readonly string[] } | undefined;
  /** Of the few records that have any. */
  #extensions = new Map<number, readonly string[]>();
  #lastUid = 0;
  /** The highest number that a line claims which is not believed. */
  #claimed = 0;
  #mustRewrite = false;

  /** @param directory disk path of the mailbox */
  constructor(directory: string) {
    this.#path = mailboxFiles.uidList(directory);
  }

  /** undefined as long as there is no file. */
  get header(): UidListHeader | undefined {
    return this.#header;
  }

  get uidValidity(): number {
    return this.#header?.uidValidity ?? 0;
  }

  /** The mailbox's GUID; '' until it has one. */
  get guid(): string {
    return this.#header?.headerFields.find((field) => field.startsWith('G'))?.slice(1) ?? '';
  }

  get nextUid(): number {
    return Math.max(this.#header?.headerNextUid ?? 1, this.#lastUid + 1, this.#claimed + 1);
  }

  /** The UID recorded for a base. */
  uidOf(base: string): number | undefined {
    return this.#entered().get(base);
  }

  /** All records, by rising UID unless a base has come again. */
  get records(): Iterable<[base: string, uid: number]> {
    return this.#entered();
  }

  get recordCount(): number {
    return this.#uids.size + (this.#late?.bases.length ?? 0);
  }

  extensionsOf(uid: number): readonly string[] {
    return this.#extensions.get(uid) ?? noExtensions;
  }

  /** Whether the file is another than at the last look. Costs a stat. @throws TemporaryError */
  isChanged(): boolean {
    try {
      const status = fs.statSync(bytesPath(this.#path), { bigint: true, throwIfNoEntry: false });
      const seen = this.#seen;
      if (status === undefined || seen === undefined) return status !== seen;
      return !sameFile(status, seen.mark) || Number(status.size) !== seen.size;
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /**
   * Reads what is new. Under the lock.
   * @returns `other` when what was known before may be wrong: the file was replaced, or is gone
   * @throws CorruptFileError or TemporaryError
   */
  async refresh(): Promise<'same' | 'longer' | 'other'> {
    if (!this.isChanged()) return 'same';
    try {
      const fd = openIfPresent(bytesPath(this.#path));
      if (fd === undefined) {
        const wasThere = this.#seen !== undefined;
        this.#forget();
        return wasThere ? 'other' : 'same';
      }
      try {
        return await this.#read(fd);
      } finally {
        fs.closeSync(fd);
      }
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /** Begins a list that is not there yet; it is written by `append`. */
  begin(uidValidity: number, nextUid: number, records: readonly UidRecord[] = []): void {
    this.#forget();
    this.#header = { version: 3, uidValidity, headerNextUid: nextUid, headerFields: [] };
    for (const { uid, base, extensions } of records) this.#enter(uid, base, extensions);
    this.#mustRewrite = true;
  }

  /**
   * Gives UIDs to new names and makes them durable. Called under the lock, after `refresh`.
   * @param named in the order in which they get UIDs
   * @returns the UID of the first; those of the others follow it
   * @throws TemporaryError, and the file is read anew next time
   */
  async append(
    named: readonly { readonly base: string }[],
    { manner, live, isLive, guids }: AppendUids,
  ): Promise<number> {
    const mustRewrite = this.#mustRewrite || this.#isMostlyDead(live);
    const first = this.nextUid;
    const lines = new UidListWriter(mustRewrite ? 0 : named.length);
    if (mustRewrite && this.recordCount === 0 && guids === undefined) {
      this.#late = { firstUid: first, bases: named.map(({ base }) => base) };
      this.#lastUid = first + named.length - 1;
    } else {
      let uid = first;
      for (const { base } of named) {
        const guid = guids?.get(base);
        const extensions = guid === undefined ? noExtensions : [`G${guid}`];
        // What is written anew as a whole needs no lines of its own.
        if (!mustRewrite) lines.record(uid, base, extensions);
        this.#enter(uid++, base, extensions);
      }
    }
    try {
      if (mustRewrite) await this.#rewrite(manner(), (uid) => uid >= first || isLive(uid));
      else if (named.length > 0) await this.#appendLines(lines.bytes);
    } catch (error) {
      this.#seen = undefined;
      throw fileTrouble(error);
    }
    return first;
  }

  /** Whether `append` has something to do even without new names. */
  get needsWriting(): boolean {
    return this.#mustRewrite;
  }

  /** The next `append` writes the whole file: a record has to leave it. */
  rewriteNext(): void {
    this.#mustRewrite = true;
  }

  #isMostlyDead(live: number): boolean {
    return this.recordCount > fewRecords && live < leastLive * this.recordCount;
  }

  async #read(fd: number): Promise<'same' | 'longer' | 'other'> {
    const status = regularStatus(fd, this.#path);
    const seen = this.#seen;
    const size = Number(status.size);
    const isSameFile = seen !== undefined && sameFile(status, seen.mark) && size >= seen.size;
    if (isSameFile && size === seen.size) return 'same';
    const mayGoOn = isSameFile && !this.#mustRewrite;
    const before = { uidValidity: this.uidValidity, nextUid: this.nextUid };
    if (!mayGoOn) this.#forget();
    const start = mayGoOn ? seen.size : 0;
    const text = readAt(fd, start, size - start).toString('latin1');
    this.#giveUp(text.slice(await this.#parse(text, mayGoOn)));
    this.#seen = { mark: markOf(status), size: start + text.length };
    this.#neverBelow(before);
    return mayGoOn ? 'longer' : 'other';
  }

  /** An older file that somebody has put back: UIDs that this process knows to be given are not given again. */
  #neverBelow({ uidValidity, nextUid }: { readonly uidValidity: number; readonly nextUid: number }): void {
    if (uidValidity !== this.uidValidity || nextUid <= this.nextUid) return;
    this.#claimed = nextUid - 1;
    this.#mustRewrite = true;
  }

  /** @returns how much of the text is good lines */
  async #parse(text: string, isTail: boolean): Promise<number> {
    let at = 0;
    if (!isTail) {
      const { length, ...header } = parseUidListHeader(text, this.#path);
      this.#header = header;
      at = length;
      this.#mustRewrite = header.version === 1 || this.guid === '';
    }
    const version = this.#header?.version ?? 3;
    const enter = (uid: number, base: string, extensions: readonly string[]): void => {
      // Of two records with one base the higher UID counts.
      if (!this.#enter(uid, base, extensions)) this.#mustRewrite = true;
    };
    for (;;) {
      const part = parseUidRecords(text, { version, start: at, lastUid: this.#lastUid }, enter, linesInARow);
      if (!part.isClean) this.#mustRewrite = true;
      const isStuck = part.end === at;
      at = part.end;
      if (at === text.length || isStuck) return at;
      await nextTurn();
    }
  }

  /** What stands behind the good lines. */
  #giveUp(rest: string): void {
    if (rest === '') return;
    this.#mustRewrite = true;
    this.#claimed = Math.max(this.#claimed, highestNumber(rest));
  }

  /** @returns false when the base has come again: its place is the new one, at the end */
  #enter(uid: number, base: string, extensions: readonly string[]): boolean {
    const uids = this.#entered();
    const isFirst = uids.size < uids.set(base, uid).size;
    if (!isFirst) {
      uids.delete(base);
      uids.set(base, uid);
    }
    if (extensions.length > 0) this.#extensions.set(uid, extensions);
    this.#lastUid = uid;
    return isFirst;
  }

  #entered(): Map<string, number> {
    if (this.#late !== undefined) {
      let uid = this.#late.firstUid;
      for (const base of this.#late.bases) this.#uids.set(base, uid++);
      this.#late = undefined;
    }
    return this.#uids;
  }

  #forget(): void {
    this.#late = undefined;
    this.#seen = undefined;
    this.#header = undefined;
    this.#uids = new Map();
    this.#extensions = new Map();
    this.#lastUid = 0;
    this.#claimed = 0;
    this.#mustRewrite = false;
  }

  async #appendLines(bytes: Buffer): Promise<void> {
    const fd = fs.openSync(bytesPath(this.#path), fs.constants.O_WRONLY | fs.constants.O_APPEND);
    try {
      // A list that ends in the middle of a line is written anew by whoever meets it next.
      if (fs.writeSync(fd, bytes) !== bytes.length) throw new Error(`a short write to ${this.#path}`);
      await dataSync(fd);
      this.#look(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  async #rewrite(manner: FileManner, isKept: (uid: number) => boolean): Promise<void> {
    const header = this.#header;
    if (header === undefined) throw new Error(`no list to write: ${this.#path}`);
    const headerNextUid = this.nextUid;
    const headerFields =
      this.guid === '' ? [`G${randomBytes(16).toString('hex')}`, ...header.headerFields] : header.headerFields;
    const next: UidListHeader = { version: 3, uidValidity: header.uidValidity, headerNextUid, headerFields };
    const lines = new UidListWriter(this.recordCount);
    lines.header(next);
    const dead: string[] = [];
    this.#uids.forEach((uid, base) => {
      if (isKept(uid)) lines.record(uid, base, this.extensionsOf(uid));
      else dead.push(base);
    });
    let late = this.#late?.firstUid ?? 0;
    for (const base of this.#late?.bases ?? []) lines.record(late++, base, noExtensions);
    await replaceFile(this.#path, lines.bytes, { ...manner, temporaryName: 'dovecot-uidlist.tmp' });
    this.#header = next;
    for (const base of dead) {
      this.#extensions.delete(this.#uids.get(base) ?? 0);
      this.#uids.delete(base);
    }
    this.#claimed = 0;
    this.#mustRewrite = false;
    const fd = fs.openSync(bytesPath(this.#path), fs.constants.O_RDONLY);
    try {
      this.#look(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  #look(fd: number): void {
    const status = fs.fstatSync(fd, { bigint: true });
    this.#seen = { mark: markOf(status), size: Number(status.size) };
  }
}

function dataSync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** The highest UID that any line claims. */
function highestNumber(text: string): number {
  let highest = 0;
  for (const [digits] of text.matchAll(/^[0-9]{1,9}(?= )/gm)) highest = Math.max(highest, Number(digits));
  return highest;
}
