// vpasswd as lines to be changed: what vpopmail's writers do with them (formats/vpopmail.md 2.2, 2.5), for files of 100,000 accounts too, so a line is
// taken apart only when it is asked for.
//
//   insert     before the first line whose name is greater by its bytes, else at the end; disorder that is there stays
//   replace    every line of that name          remove     every line of that name
//
// The name is what stands before the first colon. A line without a colon is nobody's (vpopmail crashes on it): it stays where it is. A last line without LF gets
// one, where vpopmail would glue the next line to it. A record read here has all eight fields: missing ones are empty, as in vpopmail's tools, and a
// CR at the end of the line belongs to the last field, so a DOS line stays one when another field changes.

import { joinLines, splitLines, type TextLine } from '../text-lines.js';
import { accountNumber, type VpasswdRecord, vpasswdText } from './vpasswd.js';

/** The lines of a vpasswd; a `VpasswdDocument` is one. */
export interface VpasswdText {
  readonly lines: readonly TextLine[];
}

/** A record with all its eight fields. */
export interface WholeRecord extends VpasswdRecord {
  readonly clearPasswd: string;
}

/** The file as lines, the last one ended too. */
export function parseVpasswdText(bytes: Buffer): VpasswdText {
  const lines = splitLines(bytes);
  const last = lines.at(-1);
  if (last?.end === '') lines[lines.length - 1] = { text: last.text, end: '\n' };
  return { lines };
}

/** The bytes of the file; the mirror of `parseVpasswdText`. */
export function serializeVpasswdText(text: VpasswdText): Buffer {
  return joinLines(text.lines);
}

/** Whose line this is; undefined for a line without a colon. */
export function nameOfLine({ text }: TextLine): string | undefined {
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(0, colon);
}

/** What vpopmail makes of the fields behind the name, however many they are. */
export function wholeRecord(name: string, data: string): WholeRecord {
  const [passwd = '', uid = '', gid = '', gecos = '', dir = '', quota = '', ...clear] = data.split(':');
  return { name, passwd, uid, gid, gecos, dir, quota, clearPasswd: clear.join(':') };
}

/** The first record of this name; undefined when there is none. */
export function findRecord({ lines }: VpasswdText, name: string): WholeRecord | undefined {
  const begin = `${name}:`;
  const line = lines.find(({ text }) => text.startsWith(begin));
  return line === undefined ? undefined : wholeRecord(name, line.text.slice(begin.length));
}

/** The records in file order, those of lines with too few fields left out. */
export function* recordsOf({ lines }: VpasswdText): Generator<WholeRecord> {
  for (const line of lines) {
    const record = recordOf(line);
    if (record !== undefined) yield record;
  }
}

/** The record of a line; undefined for one with fewer than seven fields. */
export function recordOf({ text }: TextLine): WholeRecord | undefined {
  const colon = text.indexOf(':');
  if (colon < 0 || !hasSixColons(text)) return undefined;
  return wholeRecord(text.slice(0, colon), text.slice(colon + 1));
}

/** Puts records in, each at its place. Their names must differ from each other and from those that are there. */
export function insertRecords({ lines }: VpasswdText, records: readonly VpasswdRecord[]): VpasswdText {
  const sorted = [...records].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const merged: TextLine[] = [];
  let next = 0;
  for (const line of lines) {
    const name = nameOfLine(line);
    for (let record = sorted[next]; name !== undefined && record !== undefined && name > record.name; ) {
      merged.push(lineOf(record));
      record = sorted[++next];
    }
    merged.push(line);
  }
  for (const record of sorted.slice(next)) merged.push(lineOf(record));
  return { lines: merged };
}

/** Makes every line of this name the record. */
export function replaceRecord({ lines }: VpasswdText, name: string, record: VpasswdRecord): VpasswdText {
  const begin = `${name}:`;
  const line = lineOf(record);
  return { lines: lines.map((old) => (old.text.startsWith(begin) ? line : old)) };
}

/** Takes every line of this name out. */
export function removeRecord({ lines }: VpasswdText, name: string): VpasswdText {
  const begin = `${name}:`;
  return { lines: lines.filter(({ text }) => !text.startsWith(begin)) };
}

/** A uid or gid field as vpopmail writes back what it has read: a signed number of 32 bits. */
export function storedNumber(field: string): string {
  return String(accountNumber(field) | 0);
}

function lineOf(record: VpasswdRecord): TextLine {
  return { text: vpasswdText(record), end: '\n' };
}

function hasSixColons(text: string): boolean {
  let at = -1;
  for (let count = 0; count < 6; count++) {
    at = text.indexOf(':', at + 1);
    if (at < 0) return false;
  }
  return true;
}
