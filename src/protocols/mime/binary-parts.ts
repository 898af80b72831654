// A message with parts in `Content-Transfer-Encoding: binary`, as it can be kept where messages have lines: those parts in base64 (RFC 3516 4.3; as Dovecot does on APPEND).
// Stored messages have LF for CRLF, so a binary part with bare LF would come back with other bytes.
//
//   Content-Transfer-Encoding: binary            Content-Transfer-Encoding: base64
//
//   NUL, bare LF, lines of any length            AAoNCg==
//
// Everything else is passed on as it is. The line end before a boundary line belongs to the boundary.

import { parseContentType, parseTransferEncoding } from './content-fields.js';
import { bodyStartIn, headerFields } from './header-lines.js';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dash = 0x2d;
/** Larger headers are not looked into, and what follows them neither. */
const longestHeader = 64 * 1024;
const longestBoundaryLine = 2048;
const deepest = 100;
/** Of the bytes of a line of base64. */
const lineBytes = 57;

const nothing: Buffer = Buffer.alloc(0);
const lineEnd = Buffer.from('\r\n');

/** Takes a message in pieces of any size. */
export class BinaryParts {
  #state: 'header' | 'body' | 'rest' = 'header';
  /** Bytes that nothing can be said of yet. */
  #held: Buffer = nothing;
  #isAtLineStart = true;
  /** The line end before the line that begins: the body's unless a boundary follows. */
  #lineEnd: Buffer = nothing;
  readonly #boundaries: string[] = [];
  /** The part is being encoded: bytes that make no line of base64 yet. */
  #unencoded: Buffer | undefined;
  #out: Buffer[] = [];

  /** @returns what can be passed on now */
  write(piece: Buffer): Buffer {
    this.#take(this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]), false);
    return this.#taken();
  }

  /** @returns the rest */
  end(): Buffer {
    this.#take(this.#held, true);
    if (this.#state === 'header') this.#pass(this.#held);
    this.#endBody();
    return this.#taken();
  }

  #taken(): Buffer {
    const taken = Buffer.concat(this.#out);
    this.#out = [];
    return taken;
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > 0) this.#out.push(bytes);
  }

  #take(bytes: Buffer, isAll: boolean): void {
    this.#held = nothing;
    for (let at = 0; at < bytes.length; ) {
      const state = this.#state;
      const next = this.#step(bytes, at, isAll);
      if (next === at && state === this.#state) {
        this.#held = Buffer.from(bytes.subarray(at));
        return;
      }
      at = next;
    }
  }

  /** @returns where it came to; `at` when more bytes are needed */
  #step(bytes: Buffer, at: number, isAll: boolean): number {
    if (this.#state === 'header') return this.#header(bytes, at);
    if (this.#state === 'body') return this.#body(bytes, at, isAll);
    this.#pass(bytes.subarray(at));
    return bytes.length;
  }

  #header(bytes: Buffer, at: number): number {
    const size = bodyStartIn(bytes.subarray(at, at + longestHeader));
    if (size < 0) {
      if (bytes.length - at >= longestHeader) this.#state = 'rest';
      return at;
    }
    this.#passHeader(bytes.subarray(at, at + size));
    return at + size;
  }

  #passHeader(header: Buffer): void {
    const fields = [...headerFields(header)];
    const fieldValue = (wanted: string): string | undefined => {
      const field = fields.find(({ name }) => name === wanted);
      return field && header.toString('latin1', field.valueStart, field.end).trim();
    };
    const { type, subtype, parameters } = parseContentType(fieldValue('content-type') ?? 'text/plain');
    const encoding = parseTransferEncoding(fieldValue('content-transfer-encoding') ?? '7bit')?.toLowerCase();
    const boundary = parameters.find(({ name }) => name.toLowerCase() === 'boundary')?.value;
    this.#state = 'body';
    this.#isAtLineStart = true;
    if (type.toLowerCase() === 'multipart') {
      if (boundary && this.#boundaries.length < deepest) this.#boundaries.push(boundary);
    } else if (`${type}/${subtype}`.toLowerCase() === 'message/rfc822') {
      this.#state = 'header';
    } else if (encoding === 'binary') {
      this.#unencoded = nothing;
      for (const { name, start, end } of fields)
        if (name === 'content-transfer-encoding') this.#pass(Buffer.from('Content-Transfer-Encoding: base64\r\n'));
        else this.#pass(header.subarray(start, end));
      this.#pass(lineEnd);
      return;
    }
    this.#pass(header);
  }

  #body(bytes: Buffer, at: number, isAll: boolean): number {
    const found = bytes.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found + 1;
    if (this.#isAtLineStart && bytes[at] === dash && this.#boundaries.length > 0) {
      if (found < 0 && !isAll && end - at < longestBoundaryLine) return at;
      if (this.#isBoundary(bytes.subarray(at, end))) return end;
    }
    // A CR at the end may be a line end's.
    if (found < 0 && !isAll && bytes[end - 1] === carriageReturn) {
      if (end - 1 === at) return at;
      this.#bodyBytes(bytes.subarray(at, end - 1), nothing);
      return end - 1;
    }
    const textEnd = found < 0 ? end : found > at && bytes[found - 1] === carriageReturn ? found - 1 : found;
    this.#bodyBytes(bytes.subarray(at, textEnd), Buffer.from(bytes.subarray(textEnd, end)));
    return end;
  }

  /** Takes a boundary line. */
  #isBoundary(line: Buffer): boolean {
    const text = line.toString('latin1', 0, longestBoundaryLine).trimEnd();
    const depth = this.#boundaries.findLastIndex((boundary) => text === `--${boundary}` || text === `--${boundary}--`);
    if (depth < 0) return false;
    const separator = this.#lineEnd;
    this.#lineEnd = nothing;
    this.#endBody();
    this.#pass(separator);
    this.#pass(line);
    const isLast = text === `--${this.#boundaries[depth]}--`;
    this.#boundaries.length = isLast ? depth : depth + 1;
    this.#state = isLast ? 'body' : 'header';
    return true;
  }

  #bodyBytes(text: Buffer, after: Buffer): void {
    this.#put(this.#lineEnd);
    this.#put(text);
    this.#lineEnd = after;
    this.#isAtLineStart = after.length > 0;
  }

  #endBody(): void {
    this.#put(this.#lineEnd);
    this.#lineEnd = nothing;
    if (this.#unencoded === undefined) return;
    if (this.#unencoded.length > 0) this.#pass(Buffer.from(this.#unencoded.toString('base64')));
    this.#unencoded = undefined;
  }

  #put(bytes: Buffer): void {
    if (this.#unencoded === undefined) {
      this.#pass(bytes);
      return;
    }
    const all = Buffer.concat([this.#unencoded, bytes]);
    const whole = all.length - (all.length % lineBytes);
    for (let at = 0; at < whole; at += lineBytes)
      this.#pass(Buffer.from(`${all.toString('base64', at, at + lineBytes)}\r\n`));
    this.#unencoded = Buffer.from(all.subarray(whole));
  }
}
