// Netstrings (D. J. Bernstein, http://cr.yp.to/proto/netstrings.txt): a string of bytes with its length before it, as Postfix's socketmap protocol and QMQP send them.
//
//   12:hello world!,        length in decimal, colon, that many bytes, comma
//   0:,                     the empty one
//
// Strict: the length has no sign, blank or needless zero in front, and the comma must be there. What breaks these rules cannot be resynchronised, so the connection that sent
// it has to end. A length above the limit is refused as soon as its digits say so, before any of its bytes are kept.

const colon = 0x3a;
const comma = 0x2c;
const zero = 0x30;
const nine = 0x39;

/** What came in is no netstring, or a longer one than is taken. `text` is fit for the other side. */
export class NetstringError extends Error {}

/** Takes bytes as they come and gives back whole strings. After it has thrown it is of no use any more. */
export class NetstringDecoder {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  /** Bytes in `#chunks` that were not taken. */
  #waiting = 0;
  /** Of the string in the making: its length so far, and whether the colon has come. */
  #length = 0;
  #digits = 0;
  #isLengthKnown = false;

  /** @param maxBytes the longest string that is taken */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds bytes. They belong to the decoder from here on. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** Bytes that are kept. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  /** Whether a string has begun and is not whole yet. To be asked after `next` has given nothing. */
  get isAmidst(): boolean {
    return this.#digits > 0 || this.#waiting > 0;
  }

  /** The next whole string; undefined when more bytes are needed. @throws NetstringError */
  next(): Buffer | undefined {
    while (!this.#isLengthKnown) {
      const byte = this.#takeByte();
      if (byte === undefined) return undefined;
      this.#readLength(byte);
    }
    if (this.#waiting < this.#length + 1) return undefined;
    const bytes = this.#take(this.#length + 1);
    if (bytes[this.#length] !== comma) throw new NetstringError('a comma is missing at the end');
    const string = bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#digits = 0;
    this.#isLengthKnown = false;
    return string;
  }

  #readLength(byte: number): void {
    if (byte === colon && this.#digits > 0) {
      this.#isLengthKnown = true;
      return;
    }
    if (byte < zero || byte > nine) throw new NetstringError('a length is missing at the beginning');
    if (this.#digits > 0 && this.#length === 0) throw new NetstringError('a length begins with a zero');
    this.#digits++;
    this.#length = this.#length * 10 + (byte - zero);
    if (this.#length > this.#maxBytes) throw new NetstringError(`at most ${this.#maxBytes} bytes are taken`);
  }

  #takeByte(): number | undefined {
    const [first] = this.#chunks;
    const byte = first?.[0];
    if (first === undefined || byte === undefined) return undefined;
    this.#waiting--;
    if (first.length === 1) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(1);
    return byte;
  }

  /** The caller has seen that they are there. */
  #take(count: number): Buffer {
    const [first] = this.#chunks;
    const all = first !== undefined && first.length >= count ? first : Buffer.concat(this.#chunks);
    const rest = all.subarray(count);
    if (all === first) this.#chunks.shift();
    else this.#chunks.length = 0;
    if (rest.length > 0) this.#chunks.unshift(rest);
    this.#waiting -= count;
    return all.subarray(0, count);
  }
}

/** The bytes of a netstring. A text is Latin-1. */
export function encodeNetstring(string: Buffer | string): Buffer {
  const bytes = typeof string === 'string' ? Buffer.from(string, 'latin1') : string;
  return Buffer.concat([Buffer.from(`${bytes.length}:`, 'latin1'), bytes, Buffer.from(',', 'latin1')]);
}
