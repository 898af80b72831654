// The structure of a message (RFC 2045, 2046) with the places of its parts in the stored bytes, found while the bytes go by once: no part is kept in memory.
//
//   header, empty line          a field that is too long to matter is counted, not kept
//   body of a leaf              counted: bytes, lines, and bytes with every line end as CRLF
//   multipart/* with boundary   children between `--boundary` lines, up to `--boundary--`; what stands before and behind belongs to the parent
//   message/rfc822              one child, the message inside
//
// The line end before a boundary line belongs to the boundary. A boundary line ends every part inside, headers too. A line that only begins with a boundary counts, the longest
// boundary winning, as in Dovecot, whose answers mail programs have kept. A multipart without boundary has no children. Parts that are too deep or too many are leaves.

import { type ContentType, parseContentType, parseTransferEncoding } from './content-fields.js';
import { difference, type Extent, withoutLineEnd } from './extent.js';
import { endOfFieldName } from './header-lines.js';

export interface MimePart {
  /** Where the header begins, in stored bytes from the beginning of the message. */
  readonly start: number;
  /** With its empty line. */
  readonly header: Extent;
  readonly body: Extent;
  /** Values of the fields that IMAP describes parts by, by name in lower case, in order; the line ends of their folding are in them. Of messages also those of the envelope. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly contentType: ContentType;
  readonly kind: 'leaf' | 'multipart' | 'message';
  readonly children: readonly MimePart[];
}

/** What the parser knows of a part that is not over. */
interface OpenPart {
  readonly start: Extent;
  bodyStart: Extent | undefined;
  /** Of the empty line that ended the header; 0 while there is none. */
  emptyLineBytes: number;
  readonly isMessage: boolean;
  readonly inDigest: boolean;
  readonly fields: Map<string, string[]>;
  contentType: ContentType;
  kind: MimePart['kind'];
  boundary: string | undefined;
  /** Whether the final boundary line was seen: what follows is epilogue. */
  isOver: boolean;
  readonly children: MimePart[];
}

const contentFields = 'type transfer-encoding id description disposition md5 language location'
  .split(' ')
  .map((name) => `content-${name}`);
const partFields: ReadonlySet<string> = new Set([...contentFields, 'mime-version']);
const messageFields: ReadonlySet<string> = new Set([
  ...partFields,
  ...'date subject from sender reply-to to cc bcc in-reply-to message-id'.split(' '),
]);

const deepest = 100;
const mostParts = 10_000;
/** Of all the fields of a message. */
const mostFieldBytes = 1024 * 1024;
/** With what may stand between a name and its colon. */
const longestWantedName = 40;
/** No boundary is longer with what may stand around it. */
const longestBoundaryLine = 2048;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dash = 0x2d;
const blank = 0x20;
const tab = 0x09;

const plainText: ContentType = { type: 'text', subtype: 'plain', parameters: [] };
const opaque: ContentType = { type: 'application', subtype: 'octet-stream', parameters: [] };
const innerMessage: ContentType = { type: 'message', subtype: 'rfc822', parameters: [] };

/** Takes a message in pieces of any size. */
export class StructureParser {
  readonly #open: OpenPart[] = [];
  #root: MimePart | undefined;
  #parts = 0;
  #state: 'header' | 'body' = 'header';
  #at = { bytes: 0, crlfBytes: 0, lines: 0 };
  /** The byte before the next one. */
  #before = 0;
  /** The bytes of the line end before the current line: 0 at the beginning. */
  #lineEnd = 0;
  /** The beginning of a line whose end has not come. */
  #rest: Buffer = Buffer.alloc(0);
  #isInLine = false;
  /** The field that is being read; undefined: one that does not matter. */
  #field: { readonly name: string; text: string } | undefined;
  #fieldBytes = 0;
  #boundaries = 0;

  constructor() {
    this.#begin(true, false);
  }

  /** Looks at the next bytes. Keeps no reference to them. */
  write(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length) {
      const next = this.#take(bytes, at);
      if (next === at) {
        this.#rest = Buffer.from(bytes.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** The message ends here. */
  end(): MimePart {
    if (this.#rest.length > 0) this.#line(this.#rest, 0, this.#rest.length);
    this.#rest = Buffer.alloc(0);
    this.#endField();
    while (this.#open.length > 0) this.#close(this.#mark(), false);
    if (this.#root === undefined) throw new Error('a message without a root');
    return this.#root;
  }

  /** Takes what it can from `at` on. @returns where it came to; `at` when more bytes are needed */
  #take(bytes: Buffer, at: number): number {
    if (this.#state === 'body' && this.#boundaries === 0) return this.#pass(bytes, at, bytes.length);
    if (this.#state === 'body') {
      const candidate = this.#candidate(bytes, at);
      if (candidate > at) return this.#pass(bytes, at, candidate);
    }
    const found = bytes.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found + 1;
    if (found < 0 && end - at < longestBoundaryLine && !this.#isInLine) return at;
    this.#line(bytes, at, end);
    return end;
  }

  /** Where the next line may be a boundary, in a body: lines before it are just counted. */
  #candidate(bytes: Buffer, at: number): number {
    if (!this.#isInLine && startsWithDash(bytes, at)) return at;
    const found = bytes.indexOf('\n-', at);
    if (found >= 0) return found + 1;
    const last = bytes.lastIndexOf(lineFeed);
    return last < at ? (this.#isInLine || bytes[at] !== dash ? bytes.length : at) : last + 1;
  }

  /** Counts bytes. */
  #pass(bytes: Buffer, start: number, end: number): number {
    let lines = 0;
    let bare = 0;
    for (let from = start; from < end; ) {
      const at = bytes.indexOf(lineFeed, from);
      if (at < 0 || at >= end) break;
      lines++;
      if ((at === start ? this.#before : bytes[at - 1]) !== carriageReturn) bare++;
      from = at + 1;
    }
    const prior = end - start > 1 ? (bytes[end - 2] as number) : this.#before;
    this.#before = bytes[end - 1] as number;
    this.#isInLine = this.#before !== lineFeed;
    if (!this.#isInLine) this.#lineEnd = prior === carriageReturn ? 2 : 1;
    this.#at.bytes += end - start;
    this.#at.crlfBytes += end - start + bare;
    this.#at.lines += lines;
    return end;
  }

  /** A line with its end, the last one without, or a piece of one that is too long. */
  #line(bytes: Buffer, start: number, end: number): void {
    const isBeginning = !this.#isInLine;
    if (isBeginning && this.#boundaries > 0 && bytes[start] === dash && this.#boundaryLine(bytes, start, end)) return;
    if (this.#state === 'body') {
      this.#pass(bytes, start, end);
      return;
    }
    const isEmpty = isBeginning && isLineEnd(bytes, start, end);
    if (isEmpty) this.#endField();
    else this.#headerText(bytes, start, end, isBeginning);
    this.#pass(bytes, start, end);
    if (isEmpty) this.#endHeader();
  }

  #headerText(bytes: Buffer, start: number, end: number, isBeginning: boolean): void {
    const isContinued = !isBeginning || bytes[start] === blank || bytes[start] === tab;
    if (!isContinued) this.#endField();
    if (this.#fieldBytes > mostFieldBytes) return;
    if (!isContinued) {
      const name = this.#wantedName(bytes, start, end);
      if (name !== undefined) this.#field = { name, text: '' };
    }
    if (this.#field === undefined) return;
    this.#field.text += bytes.toString('latin1', start, end);
    this.#fieldBytes += end - start;
  }

  /** @returns undefined for a field that does not matter */
  #wantedName(bytes: Buffer, start: number, end: number): string | undefined {
    const colon = bytes.subarray(start, Math.min(end, start + longestWantedName)).indexOf(':');
    if (colon < 0) return undefined;
    const name = bytes.toString('latin1', start, endOfFieldName(bytes, start, start + colon)).toLowerCase();
    return (this.#current().isMessage ? messageFields : partFields).has(name) ? name : undefined;
  }

  #endField(): void {
    const field = this.#field;
    this.#field = undefined;
    if (field === undefined) return;
    const { name, text } = field;
    const { fields } = this.#current();
    const value = trim(text.slice(text.indexOf(':') + 1));
    const before = fields.get(name);
    if (before === undefined) fields.set(name, [value]);
    else before.push(value);
  }

  #current(): OpenPart {
    const part = this.#open.at(-1);
    if (part === undefined) throw new Error('no part is open');
    return part;
  }

  #mark(): Extent {
    return { ...this.#at };
  }

  #begin(isMessage: boolean, inDigest: boolean): void {
    this.#parts++;
    this.#open.push({
      start: this.#mark(),
      bodyStart: undefined,
      emptyLineBytes: 0,
      isMessage,
      inDigest,
      fields: new Map(),
      contentType: plainText,
      kind: 'leaf',
      boundary: undefined,
      isOver: false,
      children: [],
    });
    this.#state = 'header';
  }

  #endHeader(): void {
    const part = this.#current();
    part.bodyStart = this.#mark();
    part.emptyLineBytes = this.#lineEnd;
    this.#settle(part);
    this.#state = 'body';
    this.#lineEnd = 0;
    if (part.kind === 'message') this.#begin(true, false);
    if (part.kind === 'multipart') part.boundary = boundaryOf(part.contentType);
    if (part.boundary !== undefined) this.#boundaries++;
  }

  /** The header is over: decides what the part is. The Content fields of a message that does not say it is MIME mean nothing, Content-Type aside, which says so too. */
  #settle(part: OpenPart): void {
    const { fields, isMessage, inDigest } = part;
    const value = fields.get('content-type')?.[0];
    if (isMessage && value === undefined && !fields.has('mime-version'))
      for (const name of contentFields) fields.delete(name);
    if (value !== undefined) part.contentType = parseContentType(value);
    else if (inDigest) part.contentType = innerMessage;
    const kind = kindOf(part.contentType);
    const mayHaveChildren = this.#open.length < deepest && this.#parts < mostParts;
    if (kind === 'leaf' || mayHaveChildren) part.kind = kind;
    // What cannot have children is shown as what has none.
    if (part.kind === 'leaf' && isContainer(part.contentType)) part.contentType = opaque;
  }

  /** @returns whether the line is a boundary of an open part; it is taken then */
  #boundaryLine(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start + 1] !== dash) return false;
    const text = bytes
      .toString('latin1', start + 2, Math.min(end, start + longestBoundaryLine))
      .replace(/[ \t\r\n]+$/, '');
    const owner = this.#ownerOf(text);
    if (owner === undefined) return false;
    this.#endField();
    const lineStart = this.#mark();
    while (this.#current() !== owner) this.#close(lineStart, true);
    owner.isOver = text.startsWith('--', owner.boundary?.length);
    this.#state = 'body';
    this.#pass(bytes, start, end);
    // The line end of a boundary line is not another boundary's.
    this.#lineEnd = 0;
    if (owner.isOver) {
      this.#boundaries--;
      owner.boundary = undefined;
    } else if (this.#parts < mostParts && bytes[end - 1] === lineFeed)
      this.#begin(false, owner.contentType.subtype.toLowerCase() === 'digest');
    return true;
  }

  /** The innermost part with the longest boundary that the line begins with. */
  #ownerOf(text: string): OpenPart | undefined {
    let best: OpenPart | undefined;
    for (const part of this.#open.toReversed()) {
      const { boundary } = part;
      if (boundary === undefined || !text.startsWith(boundary)) continue;
      if (best === undefined || boundary.length > (best.boundary?.length ?? 0)) best = part;
      if (text === boundary || text === `${boundary}--`) break;
    }
    return best;
  }

  /** Ends the innermost part: at the beginning of a boundary line, whose line end before it is not the part's, or where the message ends. */
  #close(end: Extent, isBeforeBoundary: boolean): void {
    const part = this.#open.pop();
    if (part === undefined) return;
    if (part.bodyStart === undefined) {
      part.bodyStart = end;
      part.emptyLineBytes = this.#lineEnd;
      // The line end before is the header's.
      this.#lineEnd = 0;
      this.#settle(part);
      if (part.kind === 'message') part.children.push(emptyMessage(end));
    }
    if (part.boundary !== undefined) this.#boundaries--;
    // An empty line right before a boundary belongs to the boundary, also when it ended the header.
    const isShortened = isBeforeBoundary && end.bytes === part.bodyStart.bytes;
    const headerEnd = isShortened ? withoutLineEnd(end, part.emptyLineBytes) : part.bodyStart;
    const closed: MimePart = {
      start: part.start.bytes,
      header: difference(headerEnd, part.start),
      body: difference(isBeforeBoundary ? this.#beforeLineEnd(end, part.bodyStart) : end, part.bodyStart),
      fields: part.fields,
      contentType: part.contentType,
      kind: part.kind,
      children: part.children,
    };
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = closed;
    else parent.children.push(closed);
  }

  #beforeLineEnd(lineStart: Extent, bodyStart: Extent): Extent {
    if (lineStart.bytes <= bodyStart.bytes || this.#lineEnd === 0) return lineStart;
    return withoutLineEnd(lineStart, this.#lineEnd);
  }
}

/** Content-Transfer-Encoding as the part spells it, the first that can be read; 7bit when there is none. */
export function transferEncodingOf({ fields }: MimePart): string {
  for (const value of fields.get('content-transfer-encoding') ?? []) {
    const encoding = parseTransferEncoding(value);
    if (encoding !== undefined) return encoding;
  }
  return '7bit';
}

/** The structure of a message that is at hand as a whole. */
export function parseStructure(message: Buffer): MimePart {
  const parser = new StructureParser();
  parser.write(message);
  return parser.end();
}

function startsWithDash(bytes: Buffer, at: number): boolean {
  return bytes[at] === dash && (at + 1 >= bytes.length || bytes[at + 1] === dash);
}

function isLineEnd(bytes: Buffer, start: number, end: number): boolean {
  return bytes[end - 1] === lineFeed && (end - start === 1 || (end - start === 2 && bytes[start] === carriageReturn));
}

function kindOf({ type, subtype }: ContentType): MimePart['kind'] {
  const name = `${type}/${subtype}`.toLowerCase();
  if (name === 'message/rfc822') return 'message';
  return type.toLowerCase() === 'multipart' && subtype !== '' ? 'multipart' : 'leaf';
}

function isContainer({ type, subtype }: ContentType): boolean {
  const name = type.toLowerCase();
  return name === 'multipart' || (name === 'message' && subtype.toLowerCase() === 'rfc822');
}

function boundaryOf({ parameters }: ContentType): string | undefined {
  return parameters.find(({ name }) => name.toLowerCase() === 'boundary')?.value;
}

/** What is in a message part whose header was cut off by a boundary. */
function emptyMessage({ bytes }: Extent): MimePart {
  const nothing = { bytes: 0, crlfBytes: 0, lines: 0 };
  const part = { start: bytes, header: nothing, body: nothing, fields: new Map(), children: [] };
  return { ...part, contentType: plainText, kind: 'leaf' };
}

/** Without blanks in front and the line end behind. */
function trim(value: string): string {
  return value.replace(/^[ \t]+/, '').replace(/\r?\n$/, '');
}
