// dovecot-uidlist: the UIDs that Dovecot gave to the messages of a Maildir (formats/dovecot.md 2.1).
//
//   3 V1795485529 N3 G03a6be3959ef046b0079000083ecc375      version, UIDVALIDITY, next UID, GUID of the mailbox, unknown fields
//   1 :1795485529.M967745P30976.vm,S=133                    UID, then " :" and the base name
//   2 W141 PUID7-1000 :1795485529.M972479P30976.vm,S=133    extensions between: S, W sizes, P POP3 UIDL (empty: the base), O order, G GUID, others
//
// Version 1 (Dovecot 1.0, and Courier's courierimapuiddb) is `1 <uidvalidity> <next uid>` and `<uid> <base>`. New messages are appended and N goes stale,
// so the next UID is the larger of N and the last UID + 1. UIDs rise from line to line; a line that breaks this, or the form, ends what Dovecot believes, and
// `isSound` is false then, as it is for a last line without LF. Of two records with one base the higher UID counts.
// Kept: everything up to the first bad line. Written by appending whole lines or by replacing the file, under dovecot-uidlist.lock.

import { CorruptFileError } from '../../errors.js';

export interface UidRecord {
  readonly uid: number;
  /** Each is a capital letter and a value, such as `W141`. */
  readonly extensions: readonly string[];
  /** File name up to its first colon. */
  readonly base: string;
}

export interface UidListHeader {
  readonly version: 1 | 3;
  readonly uidValidity: number;
  /** As the header says; see `nextUid`. */
  readonly headerNextUid: number;
  /** Header fields other than V and N, as written. */
  readonly headerFields: readonly string[];
}

export interface UidList extends UidListHeader {
  readonly records: readonly UidRecord[];
  /** Whether every line is good, so that lines may be appended to the file. */
  readonly isSound: boolean;
}

const largestUid = 4294967294;
/** Room that is made at first. */
const headerBytes = 128;
const usualLineBytes = 64;

/** Reads the file. @throws CorruptFileError when the header is none: nothing can be said about any message then */
export function parseUidList(bytes: Buffer, path: string): UidList {
  const text = bytes.toString('latin1');
  const header = parseUidListHeader(text, path);
  const records: UidRecord[] = [];
  const sink = (uid: number, base: string, extensions: readonly string[]): void => {
    records.push({ uid, extensions, base });
  };
  const start = { version: header.version, start: header.length, lastUid: 0 };
  const { end, isClean } = parseUidRecords(text, start, sink);
  const { length: _, ...fields } = header;
  return { ...fields, records, isSound: isClean && end === text.length && text.endsWith('\n') };
}

/** The first line. @param text the file, Latin-1 @throws CorruptFileError */
export function parseUidListHeader(text: string, path: string): UidListHeader & { readonly length: number } {
  const end = text.indexOf('\n');
  return { ...parseHeader(end < 0 ? text : text.slice(0, end), path), length: end < 0 ? text.length : end + 1 };
}

/** Where reading records begins, and the UID of the record before. */
export interface UidRecordsStart {
  readonly version: 1 | 3;
  readonly start: number;
  readonly lastUid: number;
}

/** No extensions; one object for all records that have none. */
const noExtensions: readonly string[] = [];

export interface ReadUidRecords {
  /** Where it stopped: at the end of the text, at a bad line (or one without LF), or after as many lines as were wanted. */
  readonly end: number;
  /** The last good UID. */
  readonly lastUid: number;
  /** False when an extension that is none was left out. */
  readonly isClean: boolean;
}

/**
 * Reads record lines, for lists of any length a part at a time.
 * @param most lines at most
 */
export function parseUidRecords(
  text: string,
  { version, start, lastUid }: UidRecordsStart,
  sink: (uid: number, base: string, extensions: readonly string[]) => void,
  most = Number.POSITIVE_INFINITY,
): ReadUidRecords {
  let [last, at, isClean] = [lastUid, start, true];
  for (let lines = 0; lines < most && at < text.length; lines++) {
    const end = text.indexOf('\n', at);
    if (end < 0) break;
    // The digits, without making a string of them: nearly all lines are `<uid> :<base>`.
    let [uid, next] = [0, at];
    for (let digit = text.charCodeAt(next) - 0x30; digit >= 0 && digit <= 9; digit = text.charCodeAt(++next) - 0x30)
      uid = uid * 10 + digit;
    if (uid <= last || uid > largestUid || next - at > 10 || text.charCodeAt(next) !== 0x20) break;
    let extensions = noExtensions;
    let base = next + 1;
    if (version === 3) {
      const colon = text.charCodeAt(base) === 0x3a ? base : colonBefore(text, base, end);
      if (colon < 0) break;
      if (colon > base) {
        const found = text.slice(base, colon - 1).split(' ');
        extensions = found.filter((extension) => /^[A-Z]/.test(extension));
        isClean &&= extensions.length === found.length;
      }
      base = colon + 1;
    }
    if (base === end) break;
    sink(uid, text.slice(base, end), extensions);
    last = uid;
    at = end + 1;
  }
  return { end: at, lastUid: last, isClean };
}

/** The colon behind the extensions; -1 when there is none in this line. */
function colonBefore(text: string, start: number, end: number): number {
  const blank = text.indexOf(' :', start);
  return blank < 0 || blank >= end ? -1 : blank + 1;
}

/** The bytes of the file in version 3; for a sound list of version 3, the mirror of `parseUidList`. */
export function serializeUidList(list: UidList): Buffer {
  const writer = new UidListWriter(list.records.length);
  writer.header(list);
  for (const { uid, base, extensions } of list.records) writer.record(uid, base, extensions);
  return writer.bytes;
}

/** The first line of version 3, with its LF. */
export function uidListHeaderLine({ uidValidity, headerNextUid, headerFields }: UidListHeader): string {
  return `${['3', `V${uidValidity}`, `N${headerNextUid}`, ...headerFields].join(' ')}\n`;
}

/** Puts lines of version 3 together as bytes: a string for each of 100,000 lines would take twice the time. */
export class UidListWriter {
  #bytes: Buffer;
  #length = 0;

  /** @param expected how many records there will be, as far as is known */
  constructor(expected = 1) {
    this.#bytes = Buffer.allocUnsafe(headerBytes + expected * usualLineBytes);
  }

  /** The lines so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  header(header: UidListHeader): void {
    this.#text(uidListHeaderLine(header));
  }

  record(uid: number, base: string, extensions: readonly string[]): void {
    this.#text(extensions.length === 0 ? `${uid} :` : `${uid} ${extensions.join(' ')} :`);
    this.#text(base);
    this.#text('\n');
  }

  #text(text: string): void {
    const end = this.#length + text.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * end);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.write(text, this.#length, 'latin1');
    this.#length = end;
  }
}

/** The UID that the next new message gets. */
export function nextUid(list: UidList): number {
  return Math.max(list.headerNextUid, (list.records.at(-1)?.uid ?? 0) + 1);
}

/** The value of an extension; undefined when the record has none with this letter. */
export function extensionOf(record: UidRecord, letter: string): string | undefined {
  return record.extensions.find((extension) => extension.startsWith(letter))?.slice(1);
}

function parseHeader(line: string, path: string): UidListHeader {
  const [version, ...fields] = line.split(' ');
  const old = version === '1' ? { V: fields[0], N: fields[1] } : undefined;
  const fieldOf = (key: 'V' | 'N'): number => {
    const text = old === undefined ? fields.find((field) => field.startsWith(key))?.slice(1) : old[key];
    const value = numberOf(text);
    if (value === undefined) throw new CorruptFileError(path, 0, `the first line has no ${key}`);
    return value;
  };
  if (version !== '1' && version !== '3')
    throw new CorruptFileError(path, 0, 'the first line is not that of version 1 or 3');
  const headerFields = old === undefined ? fields.filter((field) => !/^[VN]/.test(field)) : [];
  return { version: old === undefined ? 3 : 1, uidValidity: fieldOf('V'), headerNextUid: fieldOf('N'), headerFields };
}

function numberOf(digits: string | undefined): number | undefined {
  if (digits === undefined || !/^[0-9]{1,10}$/.test(digits)) return undefined;
  const value = Number(digits);
  return value >= 1 && value <= largestUid + 1 ? value : undefined;
}
