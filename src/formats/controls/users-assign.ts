// users/assign: which local parts belong to which user, and users/cdb, which qmail-newu makes of it (formats/qmail.md 5.1, 5.2).
//
//   =local:user:uid:gid:homedir:dash:ext:       one local part
//   +prefix:user:uid:gid:homedir:dash:pre:      a wildcard: every local part that begins with the prefix
//   .                                           the end; what follows is ignored
//
// vpopmail writes one wildcard a domain: `+example.jp-:example.jp:6020:6020:/home/vpopmail/domains/example.jp:-::`, where the second field is the real
// domain (another name than the first: an alias domain). A line needs seven colons; the first byte of a simple line may be anything. There is no
// comment and no blank line: one line that is not an assignment makes qmail-newu refuse the whole file and keep the old cdb.
//
// Kept: every byte, order, lines that do not parse, what follows the end. vpopmail writes under an fcntl lock on users/assign.lock (a temporary file, then
// rename, then mode 0644); qmail-newu takes no lock.
// users/cdb: `!` + name in lower case + NUL for a simple line, `!` + prefix for a wildcard; the value is the six fields separated by NUL. A last record
// with an empty key holds the last bytes of all prefixes. It is read again for every look-up.

import { CorruptFileError } from '../../errors.js';
import { lower } from '../../mail/address.js';
import type { LineFinding } from '../line-finding.js';
import { joinLines, type LineEnd, splitLines, type TextLine } from '../text-lines.js';

/** What users/cdb says of a local part: the account that qmail-local works for. */
export interface Assignment {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  /** Host path. */
  readonly directory: string;
  readonly dash: string;
  readonly extension: string;
}

/** One assignment of the text, every field as written. */
export interface AssignEntry extends TextLine {
  readonly kind: 'assignment';
  /** `+` for a wildcard, else usually `=`. */
  readonly mark: string;
  readonly name: string;
  readonly user: string;
  readonly uid: string;
  readonly gid: string;
  readonly directory: string;
  readonly dash: string;
  readonly extension: string;
  /** What follows the seventh colon; ignored by qmail. */
  readonly rest: string;
}

export type AssignLine =
  | AssignEntry
  | (TextLine & { readonly kind: 'end' | 'after-end' })
  | (TextLine & { readonly kind: 'broken'; readonly problem: string });

export interface AssignDocument {
  readonly lines: readonly AssignLine[];
}

/** A record of users/cdb. */
export interface AssignRecord {
  readonly key: Buffer;
  readonly data: Buffer;
}

/** Reads users/assign. Every input has a document; what qmail-newu would refuse is in `refusedByNewu`. */
export function parseAssign(bytes: Buffer): AssignDocument {
  let ended = false;
  const lines = splitLines(bytes).map((line): AssignLine => {
    if (ended) return { ...line, kind: 'after-end' };
    const parsed = assignLine(line.text, line.end);
    ended = parsed.kind === 'end';
    return parsed;
  });
  return { lines };
}

/** One line of users/assign from its text (without LF). */
export function assignLine(text: string, end: LineEnd = '\n'): AssignLine {
  if (text.startsWith('.')) return { kind: 'end', text, end };
  const fields = text.split(':');
  const problem = problemOf(text, fields);
  if (problem !== undefined) return { kind: 'broken', text, end, problem };
  const [first = '', user = '', uid = '', gid = '', directory = '', dash = '', extension = ''] = fields;
  const names = { mark: first.slice(0, 1), name: first.slice(1) };
  const rest = fields.slice(7).join(':');
  return { kind: 'assignment', text, end, ...names, user, uid, gid, directory, dash, extension, rest };
}

/** The text of an assignment, without LF: the line that vadddomain or an administrator would write. */
export function assignText(entry: Omit<AssignEntry, 'kind' | keyof TextLine>): string {
  const { mark, name, user, uid, gid, directory, dash, extension, rest } = entry;
  return `${mark}${name}:${user}:${uid}:${gid}:${directory}:${dash}:${extension}:${rest}`;
}

/** The bytes of the file; the mirror of `parseAssign`. */
export function serializeAssign(document: AssignDocument): Buffer {
  return joinLines(document.lines);
}

/** The assignments in file order. */
export function assignEntries(document: AssignDocument): AssignEntry[] {
  return document.lines.filter((line) => line.kind === 'assignment');
}

/** Why qmail-newu refuses the file (and keeps the old cdb): its first such line, or the missing end; undefined when it takes the file. */
export function refusedByNewu(document: AssignDocument): LineFinding | undefined {
  for (const [index, line] of document.lines.entries()) {
    if (line.kind === 'end') return undefined;
    if (line.kind === 'broken') return { line: index + 1, severity: 'error', text: line.problem };
  }
  const text = 'there is no line with a dot at the end; add one, qmail-newu refuses the file without it';
  return { line: Math.max(1, document.lines.length), severity: 'error', text };
}

/** Everything odd in the file, in line order. */
export function assignFindings(document: AssignDocument): LineFinding[] {
  const findings: LineFinding[] = [];
  const seen = new Map<string, number>();
  for (const [index, line] of document.lines.entries()) {
    const report = (severity: LineFinding['severity'], text: string): void => {
      findings.push({ line: index + 1, severity, text });
    };
    if (line.kind === 'broken') report('error', `${line.problem}; qmail-newu refuses the whole file`);
    else if (line.kind === 'after-end' && line.text !== '')
      report('warning', 'this stands after the line with the dot and is ignored');
    else if (line.kind === 'assignment') {
      for (const [severity, text] of entryOddities(line)) report(severity, text);
      const key = keyOf(line);
      const earlier = seen.get(key);
      if (earlier !== undefined) report('warning', `the same name stands in line ${earlier} already, which wins`);
      else seen.set(key, index + 1);
    }
  }
  const refused = refusedByNewu(document);
  if (
    refused !== undefined &&
    !findings.some((finding) => finding.line === refused.line && finding.severity === 'error')
  ) {
    findings.push(refused);
  }
  return findings;
}

/**
 * The records of users/cdb in qmail-newu's order, the one with the empty key last. Broken lines are left out; the originals would not build
 * anything then, so ask `refusedByNewu` first where that matters.
 */
export function assignRecords(document: AssignDocument): AssignRecord[] {
  const records: AssignRecord[] = [];
  let lastBytes = '';
  for (const entry of assignEntries(document)) {
    const fields = [entry.user, entry.uid, entry.gid, entry.directory, entry.dash, entry.extension];
    records.push({ key: latin1(keyOf(entry)), data: latin1(fields.join('\0')) });
    const last = entry.mark === '+' ? entry.name.slice(-1) : '';
    if (!lastBytes.includes(last)) lastBytes += last;
  }
  records.push({ key: Buffer.alloc(0), data: latin1(lastBytes) });
  return records;
}

/**
 * The value of a record of users/cdb; undefined when a field is missing or uid or gid is no number.
 * A root uid is not refused here.
 */
export function parseAssignmentValue(data: Buffer): Assignment | undefined {
  const [user, uidText, gidText, directory, dash, extension] = data.toString('latin1').split('\0');
  const uid = leadingNumber(uidText);
  const gid = leadingNumber(gidText);
  if (user === undefined || uid === undefined || gid === undefined) return undefined;
  if (directory === undefined || dash === undefined || extension === undefined) return undefined;
  return { user, uid, gid, directory, dash, extension };
}

/** The key under which vpopmail looks a domain up: its wildcard line. The value's `user` is the real domain's name. */
export function domainKey(domain: string): string {
  return `!${lower(domain)}-`;
}

/** An assignment that was found, and by what. */
export interface FoundAssignment extends Assignment {
  /** The local part or prefix of the record, in lower case. */
  readonly name: string;
  readonly isWildcard: boolean;
}

/**
 * qmail-lspawn's search: the whole local part, then every prefix whose last byte ends some wildcard, longest first, then the empty prefix. What
 * follows a wildcard's prefix is appended to the extension, its case kept.
 * @param find looks one key up in users/cdb (Latin-1)
 * @param path names the file in messages
 * @throws CorruptFileError when the record of last bytes is missing or a value is malformed
 */
export function findAssignment(
  find: (key: string) => Buffer | undefined,
  localPart: string,
  path: string,
): FoundAssignment | undefined {
  const lastBytes = find('');
  if (lastBytes === undefined) throw new CorruptFileError(path, undefined, 'there is no record with an empty key');
  const local = lower(localPart);
  const whole = find(`!${local}\0`);
  if (whole !== undefined) return { ...assignmentOf(whole, path), name: local, isWildcard: false };
  const ends = lastBytes.toString('latin1');
  for (let length = local.length; length >= 0; length--) {
    if (length > 0 && !ends.includes(local.charAt(length - 1))) continue;
    const data = find(`!${local.slice(0, length)}`);
    if (data === undefined) continue;
    const assignment = assignmentOf(data, path);
    const extension = assignment.extension + localPart.slice(length);
    return { ...assignment, extension, name: local.slice(0, length), isWildcard: true };
  }
  return undefined;
}

function assignmentOf(data: Buffer, path: string): Assignment {
  const assignment = parseAssignmentValue(data);
  if (assignment === undefined)
    throw new CorruptFileError(path, undefined, 'a record does not hold the six fields of an assignment');
  return assignment;
}

function problemOf(text: string, fields: readonly string[]): string | undefined {
  if (text === '' || text === '\r') return 'a blank line is no assignment';
  if (text.includes('\0')) return 'the line holds a NUL byte';
  if (text.startsWith(':')) return 'the line begins with a colon';
  if (fields.length < 8) {
    const comment = text.startsWith('#') ? ' (the file has no comments)' : '';
    return `an assignment needs seven colons, this line has ${fields.length - 1}${comment}`;
  }
  return undefined;
}

function* entryOddities(entry: AssignEntry): Generator<[LineFinding['severity'], string]> {
  if (entry.end === '') yield ['warning', 'the last line has no line feed'];
  if (entry.text.endsWith('\r')) yield ['warning', 'the line ends in CR LF; qmail ignores the CR here'];
  if (entry.mark !== '+' && entry.mark !== '=')
    yield ['warning', `the line begins with ${JSON.stringify(entry.mark)} and counts as a simple one; write = or +`];
  if (leadingNumber(entry.uid) === undefined || leadingNumber(entry.gid) === undefined)
    yield ['error', 'uid or gid is not a number'];
  else if (leadingNumber(entry.uid) === 0)
    yield ['error', 'uid 0: qmail delivers nothing as root, so all mail for it is deferred; name the owner'];
  if (!entry.directory.startsWith('/'))
    yield ['error', 'the home directory is not an absolute path; qmail-local refuses it'];
  if (entry.mark === '+' && /[A-Z]$/.test(entry.name))
    yield ['error', 'a wildcard that ends in a capital letter never matches'];
}

function keyOf(entry: AssignEntry): string {
  return `!${lower(entry.name)}${entry.mark === '+' ? '' : '\0'}`;
}

/** qmail reads the digits at the start and ignores the rest. */
function leadingNumber(text: string | undefined): number | undefined {
  const digits = /^[0-9]+/.exec(text ?? '');
  return digits === null ? undefined : Number(digits[0]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
