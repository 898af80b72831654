// A message as it crosses the net between `354` and the end mark (RFC 5321 4.5.2; qmail-remote's blast, formats/qmail.md 7.5). The mirror of smtp-data.ts.
//
//   in the file                      on the wire
//   LF, CR LF                        CR LF
//   any other CR                     CR LF
//   . at the start of a line         . .        (behind every CR LF that is sent, the one made of a CR too)
//   CR at the very end               CR LF
//   no LF at the very end            the message cannot be sent: its last line is partial
//
// So no line end but CR LF is ever sent, and a dot that a receiver could take for the end mark, however it reads line ends, is doubled. notqmail 1.09 forgets the dot behind
// a CR, which lets the rest of a message be read as commands; that is not copied. Bytes above 127 and lines of any length go as they are.
//
// Chunks may be cut anywhere. The bytes are those of the file: nothing is decoded.

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;

/** The end mark. */
export const endMark = '.\r\n';

/** Encodes one message. Use a new one for each. */
export class SmtpBodyEncoder {
  #atLineStart = true;
  #heldCr = false;
  #hasEightBit = false;
  #wireBytes = 0;

  /** Whether a byte above 127 went by. */
  get hasEightBit(): boolean {
    return this.#hasEightBit;
  }

  /** Whether what went by so far may be the whole message: it is empty, or its last line is ended. */
  get isComplete(): boolean {
    return this.#atLineStart || this.#heldCr;
  }

  /** Bytes given out so far, without the end mark. */
  get wireBytes(): number {
    return this.#wireBytes;
  }

  /** The bytes to be sent for `chunk`, in a buffer of their own. */
  encode(chunk: Buffer): Buffer {
    const output = Buffer.allocUnsafe(2 * chunk.length + 2);
    let out = 0;
    let bits = 0;
    let [atLineStart, heldCr] = [this.#atLineStart, this.#heldCr];
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      bits |= byte;
      if (heldCr || byte === lf) {
        output[out++] = cr;
        output[out++] = lf;
        atLineStart = true;
        if (byte === lf) {
          heldCr = false;
          continue;
        }
      }
      heldCr = byte === cr;
      if (heldCr) continue;
      if (atLineStart && byte === dot) output[out++] = dot;
      atLineStart = false;
      output[out++] = byte;
    }
    [this.#atLineStart, this.#heldCr] = [atLineStart, heldCr];
    if (bits > 127) this.#hasEightBit = true;
    this.#wireBytes += out;
    return output.subarray(0, out);
  }

  /** What is left when the message has ended. */
  end(): Buffer {
    if (!this.#heldCr) return Buffer.alloc(0);
    this.#heldCr = false;
    this.#atLineStart = true;
    this.#wireBytes += 2;
    return Buffer.from([cr, lf]);
  }
}
