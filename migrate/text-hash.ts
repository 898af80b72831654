// What makes two copies of a message the same, wherever they are kept and whatever carried them: a hash of the text with LF line ends, and the size with CRLF line ends.

import { createHash } from 'node:crypto';

export interface HashedText {
  /** Octets with every line end as CRLF. */
  readonly size: number;
  /** 22 characters of base64url. */
  readonly hash: string;
}

const carriageReturn = Buffer.from('\r');

/** Takes a text in pieces, cut anywhere. */
export class TextHash {
  readonly #hash = createHash('sha256');
  #size = 0;
  #lines = 0;
  /** The last piece ended with CR, which may belong to a line end. */
  #held = false;

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    const chunk = this.#held ? Buffer.concat([carriageReturn, piece]) : piece;
    this.#held = chunk.at(-1) === 0x0d;
    const whole = withoutCarriageReturns(this.#held ? chunk.subarray(0, -1) : chunk);
    for (let at = whole.indexOf(0x0a); at >= 0; at = whole.indexOf(0x0a, at + 1)) this.#lines++;
    this.#size += whole.length;
    this.#hash.update(whole);
  }

  end(): HashedText {
    if (this.#held) this.#hash.update(carriageReturn);
    const size = this.#size + this.#lines + (this.#held ? 1 : 0);
    return { size, hash: this.#hash.digest('base64url').slice(0, 22) };
  }
}

export function hashedText(text: Buffer): HashedText {
  const hash = new TextHash();
  hash.add(text);
  return hash.end();
}

/** A hash of what no server changes in a text as it stores it: Courier takes out every CR and ends the last line. Takes a text in pieces. */
export class StoredTextHash {
  readonly #hash = createHash('sha256');
  #last: number | undefined;

  add(piece: Buffer): void {
    const text = piece.includes(0x0d) ? Buffer.from(piece.toString('latin1').replaceAll('\r', ''), 'latin1') : piece;
    this.#last = text.at(-1) ?? this.#last;
    this.#hash.update(text);
  }

  /** @returns 22 characters of base64url */
  end(): string {
    if (this.#last !== 0x0a) this.#hash.update('\n');
    return this.#hash.digest('base64url').slice(0, 22);
  }
}

export function storedTextHash(text: Buffer): string {
  const hash = new StoredTextHash();
  hash.add(text);
  return hash.end();
}

/** The bytes with every CR LF as LF. */
function withoutCarriageReturns(bytes: Buffer): Buffer {
  if (bytes.indexOf('\r\n') < 0) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}
