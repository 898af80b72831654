// maildirsize: how full a Maildir is, kept in its root by every program that adds or removes mail (Maildir++; formats/vpopmail.md 5.3, dovecot.md 5).
//
//   10485760S,1000C      the quota, as the writer knew it; vpopmail goes by vpasswd instead
//   53 3                 bytes and messages at the last full count
//   133 1                a change, one line each, appended with a single write to an O_APPEND descriptor, without a lock
//   -133 -1              mail went away
//
// The usage is the sum of all lines after the first. Courier pads the numbers with blanks; vpopmail writes a negative one modulo 2^64, so a number of
// 2^63 and more is read as negative. A line that is not two numbers makes the file unsound: count again. So do a size of 5120 bytes, an age of more
// than 15 minutes, and (before refusing mail) sums over the quota. Recounting replaces the file: tmp/, then rename.
// Kept: every byte.

import { joinLines, splitLines, type TextLine } from '../text-lines.js';
import type { Quota, Usage } from '../vpopmail/quota.js';
import { parseQuota } from '../vpopmail/quota.js';

/** A file of this many bytes or more is counted anew. */
export const maildirsizeLimitBytes = 5120;
/** vpopmail counts a file anew whose last change is longer ago. */
export const maildirsizeLimitSeconds = 15 * 60;

export type MaildirsizeLine =
  | (TextLine & { readonly kind: 'change'; readonly change: Usage })
  | (TextLine & { readonly kind: 'broken' });

export interface MaildirsizeDocument {
  /** The first line; undefined in an empty file. */
  readonly quota: TextLine | undefined;
  readonly lines: readonly MaildirsizeLine[];
}

/** Reads maildirsize. Every input has a document. */
export function parseMaildirsize(bytes: Buffer): MaildirsizeDocument {
  const [quota, ...rest] = splitLines(bytes);
  return { quota, lines: rest.map(changeLine) };
}

/** The bytes of the file; the mirror of `parseMaildirsize`. */
export function serializeMaildirsize(document: MaildirsizeDocument): Buffer {
  return joinLines(document.quota === undefined ? [] : [document.quota, ...document.lines]);
}

/** The limits of the first line: what counts for a Maildir that belongs to no account. */
export function maildirsizeQuota(document: MaildirsizeDocument): Quota {
  return parseQuota(document.quota?.text ?? '');
}

/** The sum of all changes. Lines that are not two numbers add nothing, as in vpopmail; a sum may be negative. Ask `isSound` before trusting it. */
export function maildirsizeUsage(document: MaildirsizeDocument): Usage {
  let bytes = 0;
  let count = 0;
  for (const line of document.lines) {
    if (line.kind === 'broken') continue;
    bytes += line.change.bytes;
    count += line.change.count;
  }
  return { bytes, count };
}

/** Whether the file says how full the Maildir is: a count, every line two numbers and ended by LF, no negative sum. If not, count again. */
export function isSound(document: MaildirsizeDocument): boolean {
  if (document.lines.length === 0) return false;
  const { bytes, count } = maildirsizeUsage(document);
  return bytes >= 0 && count >= 0 && document.lines.every((line) => line.kind === 'change' && line.end === '\n');
}

/** A whole new file after a count. @param quota as it is stored in vpasswd */
export function newMaildirsize(quota: string, usage: Usage): Buffer {
  return Buffer.from(`${quota}\n${changeText(usage)}`, 'latin1');
}

/** The line to append for a change; numbers may be negative. */
export function changeText(change: Usage): string {
  return `${change.bytes} ${change.count}\n`;
}

function changeLine(line: TextLine): MaildirsizeLine {
  const found = /^[ \t]*([+-]?[0-9]{1,20})[ \t]+([+-]?[0-9]{1,20})[ \t\r]*$/.exec(line.text);
  if (found === null) return { ...line, kind: 'broken' };
  return { ...line, kind: 'change', change: { bytes: signed(found[1]), count: signed(found[2]) } };
}

function signed(digits = '0'): number {
  return digits.length < 16 ? Number(digits) : Number(BigInt.asIntN(64, BigInt(digits.replace('+', ''))));
}
