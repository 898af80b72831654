// vpasswd: the accounts of one vpopmail domain, and vpasswd.cdb, which is made of it (formats/vpopmail.md 2).
//
//   name:passwd:uid:gid:gecos:dir:quota[:clear password]
//   joe:$1$abcdefgh$ghzAEyFQw8Gil.G/AoF0b/:1:0:joe:/home/vpopmail/domains/example.org/joe:NOQUOTA:joepw
//
// No escapes; the clear password is the rest of the line and may hold colons. uid is 1 or 2 and means nothing; gid is the flag word (vpasswd-flags).
// vpasswd.cdb has one record a line in file order: key = name, data = the line after the first colon. Look-ups read only the cdb, listings only the text.
//
// Kept: every byte, order, lines that do not parse. A line without a colon is not in the cdb (the originals crash on it); a last line without LF is not
// either; a line with too few fields is, and vpopmail reads its missing fields as empty, which is no account that mail can go to. A CR before the LF is
// not taken for a part of the last field. Numbers stay text: what the C library makes of `abc`, -1 or 99999999999 is `accountNumber`.
// Written by vpopmail's tools under an fcntl lock on .vpasswd.lock: vpasswd.bak.PID, rename; then cdb.tmp, rename to vpasswd.cdb.

import { lower } from '../../mail/address.js';
import type { LineFinding } from '../line-finding.js';
import { joinLines, type LineEnd, splitLines, type TextLine } from '../text-lines.js';

/** One account, all fields as written and under the manual's names. */
export interface VpasswdRecord {
  readonly name: string;
  /** crypt(3) hash; empty: no password. */
  readonly passwd: string;
  readonly uid: string;
  /** The flag word as text; `accountNumber(gid)` is its value. */
  readonly gid: string;
  readonly gecos: string;
  /** Home directory, a host path without final slash; the mail is in its Maildir. */
  readonly dir: string;
  readonly quota: string;
  /** The eighth field; undefined when the line has seven. */
  readonly clearPasswd?: string | undefined;
}

export type VpasswdLine =
  | (TextLine & { readonly kind: 'record'; readonly record: VpasswdRecord })
  | (TextLine & { readonly kind: 'broken'; readonly problem: string });

export interface VpasswdDocument {
  readonly lines: readonly VpasswdLine[];
}

/** Longest line before the LF that the tools of vpopmail 5.4 survive. */
const longestLine = 254;

/** Reads vpasswd. Every input has a document. */
export function parseVpasswd(bytes: Buffer): VpasswdDocument {
  return { lines: splitLines(bytes).map((line) => vpasswdLine(line.text, line.end)) };
}

/** One line of vpasswd from its text (without LF). */
export function vpasswdLine(text: string, end: LineEnd = '\n'): VpasswdLine {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const problem = isBlank(text) ? 'a blank line is no account' : 'the line has no colon and is no account';
    return { kind: 'broken', text, end, problem };
  }
  const record = parseVpasswdFields(text.slice(0, colon), text.slice(colon + 1));
  if (record !== undefined) return { kind: 'record', text, end, record };
  const colons = text.split(':').length - 1;
  return { kind: 'broken', text, end, problem: `an account needs seven fields, this line has ${colons + 1}` };
}

/** The text of a record, without LF. */
export function vpasswdText(record: VpasswdRecord): string {
  const { name, passwd, uid, gid, gecos, dir, quota, clearPasswd } = record;
  const line = `${name}:${passwd}:${uid}:${gid}:${gecos}:${dir}:${quota}`;
  return clearPasswd === undefined ? line : `${line}:${clearPasswd}`;
}

/** The bytes of the file; the mirror of `parseVpasswd`. */
export function serializeVpasswd(document: VpasswdDocument): Buffer {
  return joinLines(document.lines);
}

/** The accounts in file order. Of equal names the first is the one that counts. */
export function vpasswdRecords(document: VpasswdDocument): VpasswdRecord[] {
  return document.lines.flatMap((line) => (line.kind === 'record' ? [line.record] : []));
}

/**
 * An account from a record of vpasswd.cdb; undefined when fields are missing. The account exists then, but the file is broken: nothing may be bounced for it.
 * @param name the key under which it was found
 */
export function parseVpasswdData(name: string, data: Buffer): VpasswdRecord | undefined {
  return parseVpasswdFields(name, data.toString('latin1'));
}

/** The records of vpasswd.cdb in file order, as vpopmail would write them. */
export function vpasswdCdbRecords(document: VpasswdDocument): { key: Buffer; data: Buffer }[] {
  const records: { key: Buffer; data: Buffer }[] = [];
  for (const { text, end } of document.lines) {
    const colon = text.indexOf(':');
    if (colon < 0 || end === '') continue;
    records.push({ key: latin1(text.slice(0, colon)), data: latin1(text.slice(colon + 1)) });
  }
  return records;
}

/**
 * The value of a uid or gid field as vpopmail takes it: C's atoi in an unsigned word of 32 bits. No digits give 0, -1 gives 4294967295.
 */
export function accountNumber(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)?.[1];
  if (digits === undefined) return 0;
  if (digits.length <= 9) return Number(digits) >>> 0;
  const largest = 2n ** 63n - 1n;
  const value = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
  const clamped = value > largest ? largest : value < -largest - 1n ? -largest - 1n : value;
  return Number(BigInt.asUintN(32, clamped));
}

/** Everything odd in the file, in line order. */
export function vpasswdFindings(document: VpasswdDocument): LineFinding[] {
  const findings: LineFinding[] = [];
  const seen = new Map<string, number>();
  for (const [index, line] of document.lines.entries()) {
    const number = index + 1;
    for (const [severity, text] of lineOddities(line)) findings.push({ line: number, severity, text });
    if (line.kind !== 'record') continue;
    const earlier = seen.get(line.record.name);
    if (earlier === undefined) seen.set(line.record.name, number);
    else
      findings.push({
        line: number,
        severity: 'warning',
        text: `the account stands in line ${earlier} already, which counts`,
      });
  }
  return findings;
}

function parseVpasswdFields(name: string, rest: string): VpasswdRecord | undefined {
  const fields = (rest.endsWith('\r') ? rest.slice(0, -1) : rest).split(':');
  const [passwd, uid, gid, gecos, dir, quota] = fields;
  if (passwd === undefined || uid === undefined || gid === undefined) return undefined;
  if (gecos === undefined || dir === undefined || quota === undefined) return undefined;
  const clearPasswd = fields.length > 6 ? fields.slice(6).join(':') : undefined;
  return { name, passwd, uid, gid, gecos, dir, quota, clearPasswd };
}

function* lineOddities(line: VpasswdLine): Generator<[LineFinding['severity'], string]> {
  if (line.kind === 'broken') yield ['error', `${line.problem}; it is kept, and vpopmail's own tools may crash on it`];
  if (line.text.includes('\0')) yield ['error', 'the line holds a NUL byte'];
  if (line.end === '')
    yield ['error', "the last line has no line feed: vpopmail's tools leave this account out of vpasswd.cdb"];
  if (line.text.length > longestLine) {
    yield ['warning', `the line has ${line.text.length} bytes; vpopmail 5.4's tools crash on more than ${longestLine}`];
  }
  if (line.kind !== 'record') return;
  if (line.text.endsWith('\r')) yield ['warning', 'the line ends in CR LF (DOS); write LF alone'];
  const { name, dir, uid, gid } = line.record;
  if (name !== lower(name)) yield ['error', 'the name has capital letters and is never found; write it in lower case'];
  if (name === '' || name.includes('/') || name.startsWith('.'))
    yield ['error', 'this is no name that an account can have'];
  if (!dir.startsWith('/')) yield ['error', 'the home directory is not an absolute path'];
  if (!/^[0-9]+$/.test(uid) || !/^[0-9]+$/.test(gid)) yield ['warning', 'uid or gid is not a plain number'];
}

function isBlank(text: string): boolean {
  return /^[ \t\r]*$/.test(text);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
