// The header of a message or of a MIME part, as it is stored: fields with their bytes (RFC 5322 2.2, 3.6.8).
//
//   Subject: two\n lines\n        name `Subject`, value `two lines`
//
// Lines end in LF or CRLF. A line that begins with a blank continues the field before it; at the very beginning it is a field of its own. A line without a colon is a field
// with its whole text as the name and no value (as Dovecot reads it). The header ends with an empty line, or where its bytes end. Texts are Latin-1.

export interface HeaderField {
  /** As it is written, without blanks before the colon. */
  readonly name: string;
  /** Without the line ends of its folding and without blanks around it. */
  readonly value: string;
  /** The bytes of the field in the header, its line ends included. */
  readonly start: number;
  readonly end: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const blank = 0x20;
const tab = 0x09;

/** Where a header's fields end: before its empty line, or where its bytes end. */
export function endOfFields(header: Buffer): number {
  for (let at = 0; at < header.length; ) {
    if (isLineEnd(header, at)) return at;
    const end = header.indexOf(lineFeed, at);
    if (end < 0) break;
    at = end + 1;
  }
  return header.length;
}

function isLineEnd(header: Buffer, at: number): boolean {
  return header[at] === lineFeed || (header[at] === carriageReturn && header[at + 1] === lineFeed);
}

/** Where the field that begins at `start` ends: its continuation lines are part of it. */
function endOfField(header: Buffer, start: number, limit: number): number {
  for (let at = start; at < limit; ) {
    const end = header.indexOf(lineFeed, at);
    if (end < 0 || end + 1 >= limit) return limit;
    at = end + 1;
    if (header[at] !== blank && header[at] !== tab) return at;
  }
  return limit;
}

/** Every field in order. @param header with or without its empty line */
export function* headerFields(header: Buffer): Generator<HeaderField> {
  const limit = endOfFields(header);
  for (let start = 0; start < limit; ) {
    const end = endOfField(header, start, limit);
    yield { ...parseField(header.toString('latin1', start, end)), start, end };
    start = end;
  }
}

/** One field with its line ends. */
export function parseField(text: string): { readonly name: string; readonly value: string } {
  const lineEnd = text.indexOf('\n');
  const colon = text.indexOf(':');
  if (colon < 0 || (lineEnd >= 0 && colon > lineEnd)) return { name: unfold(text), value: '' };
  return { name: text.slice(0, colon).replace(/[ \t]+$/, ''), value: unfold(text.slice(colon + 1)) };
}

/** A value without the line ends of its folding, and without blanks around it (RFC 5322 2.2.3). */
export function unfold(value: string): string {
  return value.replace(/\r?\n/g, '').replace(/^[ \t]+|[ \t\r]+$/g, '');
}
