// qmail's control files: control/me, rcpthosts, locals, virtualdomains, databytes and the others. Text, one entry a line, without locks.
//
// Three readers exist (qmail's control.c and constmap.c, formats/qmail.md 1.1):
//   line     the first line                                                       me, smtpgreeting, localiphost
//   number   the digits at the start of the first line                            databytes, timeoutsmtpd
//   list     every line that is neither blank nor begins with `#`                 rcpthosts, locals, badmailfrom
//            as a map the entry is `key:value`, split at the first colon          virtualdomains, smtproutes
// LF, space and TAB are dropped from the end of a line; CR, leading blanks and a `#` further right are part of the entry. Keys are compared without regard
// to ASCII case; when a key of a map occurs twice the last line wins. A present but empty file is not an absent one: that is for the store to tell.
//
// Everything is Latin-1, one character a byte. The document form keeps every byte, so a file is written back as it was read. What in a file does
// something else than the administrator meant is told by control-findings.ts.

import { lower } from '../../mail/address.js';
import { joinLines, type LineEnd, splitLines, type TextLine } from '../text-lines.js';

/** The value of a line file. An empty file has the value ''. */
export function parseLine(bytes: Buffer): string {
  const end = bytes.indexOf(0x0a);
  return withoutTrailingBlanks(bytes.toString('latin1', 0, end < 0 ? bytes.length : end));
}

/**
 * The value of a number file: undefined when it does not begin with a digit (the default applies then). As in qmail the number is kept in a C int: what
 * does not fit wraps and may become negative.
 */
export function parseNumber(bytes: Buffer): number | undefined {
  const digits = /^[0-9]+/.exec(parseLine(bytes));
  return digits === null ? undefined : Number(BigInt.asIntN(32, BigInt(digits[0])));
}

/** The entries of a list file in file order, case kept. A NUL within a line splits it into two entries. */
export function parseList(bytes: Buffer): string[] {
  const entries: string[] = [];
  for (const raw of bytes.toString('latin1').split('\n')) {
    const line = withoutTrailingBlanks(raw);
    if (isSkipped(line)) continue;
    if (line.includes('\0')) entries.push(...line.split('\0'));
    else entries.push(line);
  }
  return entries;
}

/** The entries of a list file as a set of lower-case keys. */
export function parseSet(bytes: Buffer): Set<string> {
  return new Set(parseList(bytes).map(lower));
}

/** A map file: lower-case keys, values as they are. Lines without a colon are ignored; the last line of a key wins. */
export function parseMap(bytes: Buffer): Map<string, string> {
  const map = new Map<string, string>();
  for (const entry of parseList(bytes)) {
    const colon = entry.indexOf(':');
    if (colon >= 0) map.set(lower(entry.slice(0, colon)), entry.slice(colon + 1));
  }
  return map;
}

/** One line of a document. `entry` is what qmail takes from it, '' for a comment or blank line. */
export interface ControlLine extends TextLine {
  readonly kind: 'entry' | 'comment' | 'blank';
  readonly entry: string;
}

/** A list or map file with everything in it. */
export interface ControlDocument {
  readonly lines: readonly ControlLine[];
}

/** Reads a list or map file so that it can be written back unchanged. Every input has a document. */
export function parseControlDocument(bytes: Buffer): ControlDocument {
  return { lines: splitLines(bytes).map(({ text, end }) => controlLine(text, end)) };
}

/** The bytes of a document; the mirror of `parseControlDocument`. */
export function serializeControlDocument(document: ControlDocument): Buffer {
  return joinLines(document.lines);
}

/** One line of a document from its text (without LF). */
export function controlLine(text: string, end: LineEnd = '\n'): ControlLine {
  const entry = withoutTrailingBlanks(text);
  if (!isSkipped(entry)) return { text, end, kind: 'entry', entry };
  return { text, end, kind: entry.startsWith('#') ? 'comment' : 'blank', entry: '' };
}

/** A line without the spaces and tabs at its end, which qmail drops everywhere. */
export function withoutTrailingBlanks(line: string): string {
  let end = line.length;
  while (end > 0 && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(0, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isSkipped(line: string): boolean {
  return line === '' || line.startsWith('#') || line.startsWith('\0');
}
