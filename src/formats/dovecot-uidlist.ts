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

import { CorruptFileError } from '../errors.js';

export interface UidRecord {
  readonly uid: number;
  /** Each is a capital letter and a value, such as `W141`. */
  readonly extensions: readonly string[];
  /** File name up to its first colon. */
  readonly base: string;
}

export interface UidList {
  readonly version: 1 | 3;
  readonly uidValidity: number;
  /** As the header says; see `nextUid`. */
  readonly headerNextUid: number;
  /** Header fields other than V and N, as written. */
  readonly headerFields: readonly string[];
  readonly records: readonly UidRecord[];
  /** Whether every line is good, so that lines may be appended to the file. */
  readonly isSound: boolean;
}

const largestUid = 4294967294;

/** Reads the file. @throws CorruptFileError when the header is none: nothing can be said about any message then */
export function parseUidList(bytes: Buffer, path: string): UidList {
  const lines = bytes.toString('latin1').split('\n');
  const isEnded = lines.pop() === '';
  const header = parseHeader(lines.shift() ?? '', path);
  const records: UidRecord[] = [];
  for (const line of lines) {
    const record = header.version === 1 ? parseOldRecord(line) : parseRecord(line);
    if (record === undefined || record.uid <= (records.at(-1)?.uid ?? 0)) return { ...header, records, isSound: false };
    records.push(record);
  }
  return { ...header, records, isSound: isEnded };
}

/** The bytes of the file in version 3; for a sound list of version 3, the mirror of `parseUidList`. */
export function serializeUidList(list: UidList): Buffer {
  const header = ['3', `V${list.uidValidity}`, `N${list.headerNextUid}`, ...list.headerFields].join(' ');
  return Buffer.from(`${header}\n${list.records.map(uidRecordLine).join('')}`, 'latin1');
}

/** One line of version 3, with its LF. */
export function uidRecordLine(record: UidRecord): string {
  return `${[record.uid, ...record.extensions].join(' ')} :${record.base}\n`;
}

/** The UID that the next new message gets. */
export function nextUid(list: UidList): number {
  return Math.max(list.headerNextUid, (list.records.at(-1)?.uid ?? 0) + 1);
}

/** The value of an extension; undefined when the record has none with this letter. */
export function extensionOf(record: UidRecord, letter: string): string | undefined {
  return record.extensions.find((extension) => extension.startsWith(letter))?.slice(1);
}

type Header = Omit<UidList, 'records' | 'isSound'>;

function parseHeader(line: string, path: string): Header {
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

function parseRecord(line: string): UidRecord | undefined {
  const end = line.indexOf(' :');
  if (end < 0) return undefined;
  const [digits, ...extensions] = line.slice(0, end).split(' ');
  const uid = numberOf(digits);
  const base = line.slice(end + 2);
  if (uid === undefined || base === '' || !extensions.every((extension) => /^[A-Z]/.test(extension))) return undefined;
  return { uid, extensions, base };
}

function parseOldRecord(line: string): UidRecord | undefined {
  const found = /^([0-9]+) (.+)$/s.exec(line);
  const uid = numberOf(found?.[1]);
  return uid === undefined ? undefined : { uid, extensions: [], base: found?.[2] ?? '' };
}

function numberOf(digits: string | undefined): number | undefined {
  if (digits === undefined || !/^[0-9]{1,10}$/.test(digits)) return undefined;
  const value = Number(digits);
  return value >= 1 && value <= largestUid + 1 ? value : undefined;
}
