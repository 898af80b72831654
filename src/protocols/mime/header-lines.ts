// The fields of a header as bytes: which are to be sent (HEADER.FIELDS), and their values. A field is a line and the lines behind it that begin with a blank. Line ends are LF or CRLF.

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const blank = 0x20;
const tab = 0x09;
const colon = 0x3a;

export interface HeaderField {
  /** In lower case; '' for a line that is no field. */
  readonly name: string;
  /** Where it begins and where the next begins. */
  readonly start: number;
  readonly end: number;
  /** Where its value begins. */
  readonly valueStart: number;
}

/** The fields up to the empty line, which is not one of them. */
export function* headerFields(header: Buffer): Generator<HeaderField, void, undefined> {
  for (let start = 0; start < header.length; ) {
    const lineEnd = endOfLine(header, start);
    if (isEmptyLine(header, start, lineEnd)) return;
    let end = lineEnd;
    while (end < header.length && (header[end] === blank || header[end] === tab)) end = endOfLine(header, end);
    const at = header.indexOf(colon, start);
    const hasName = at >= 0 && at < lineEnd;
    const name = hasName ? header.toString('latin1', start, endOfFieldName(header, start, at)).toLowerCase() : '';
    yield { name, start, end, valueStart: hasName ? at + 1 : start };
    start = end;
  }
}

/** Where the body begins: behind the first empty line. @returns -1 when there is none in these bytes */
export function bodyStartIn(bytes: Buffer): number {
  for (let start = 0; start < bytes.length; ) {
    const end = endOfLine(bytes, start);
    if (isEmptyLine(bytes, start, end)) return end;
    start = end;
  }
  return -1;
}

/** What stands between a name and its colon does not belong to it (RFC 5322 4.5.8), nor do NULs, as in Dovecot. */
export function endOfFieldName(header: Buffer, start: number, colonAt: number): number {
  let end = colonAt;
  while (end > start && (header[end - 1] ?? 0) <= blank) end--;
  return end;
}

/**
 * The fields with these names, or all others, and the empty line. As Dovecot does, it is added to picked fields where the header has none, unless the last of them has no line end.
 * @param names in lower case
 */
export function filterFields(header: Buffer, names: ReadonlySet<string>, isWanted: boolean): Buffer {
  const kept: Buffer[] = [];
  let headerEnd = 0;
  for (const { name, start, end } of headerFields(header)) {
    if (names.has(name) === isWanted) kept.push(header.subarray(start, end));
    headerEnd = end;
  }
  const isAdded =
    isWanted && headerEnd === header.length && headerEnd > 0 && (kept.at(-1)?.at(-1) ?? lineFeed) === lineFeed;
  const rest = isAdded ? Buffer.from('\r\n') : header.subarray(headerEnd);
  return Buffer.concat([...kept, rest]);
}

function endOfLine(bytes: Buffer, start: number): number {
  const found = bytes.indexOf(lineFeed, start);
  return found < 0 ? bytes.length : found + 1;
}

function isEmptyLine(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[end - 1] !== lineFeed) return false;
  return end - start === 1 || (end - start === 2 && bytes[start] === carriageReturn);
}
