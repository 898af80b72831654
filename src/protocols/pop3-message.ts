// A stored message as it goes over a POP3 connection: CR LF line ends, a leading dot doubled, then what ends the reply (RFC 1939 section 3).
//
//   stored        sent
//   a LF          a CR LF           a line that ends in CR LF already keeps that end (qmail-pop3d sends CR CR LF, which breaks such a message:
//   a CR LF       a CR LF           its header never ends, and no client shows it right)
//   .b LF         ..b CR LF
//   end           CR LF . CR LF     one empty line more than the message has, always, as qmail-pop3d sends it: some old clients do not find the end of
//                                   a header, or of a message, without it. A last line without LF is completed before it.
//
// The size of a message is the number of octets that are sent for it, without doubled dots and without the final `.` line (RFC 1939 section 11). So it is
// more than the size of the file, which qmail-pop3d announces, and two more than what Dovecot and Courier announce.
//
// Chunks may be cut anywhere. No line is ever held: a line of any length passes through.

const LF = 10;
const CR = 13;
const DOT = 46;

/** Octets that are sent for every message after its last complete line: the empty line. */
export const closingOctets = 2;

/** Encodes one message for RETR or TOP. */
export class MessageEncoder {
  #atLineStart = true;
  #afterCr = false;
  /** Of the current line: how many octets before its LF so far, and whether they are none or one CR. Kept only while lines are counted. */
  #lineOctets = 0;
  #lineIsEmpty = true;
  #inHeader = true;
  #linesLeft: number;

  /** @param bodyLines how many lines of the body TOP asks for; without it the whole message is sent */
  constructor(bodyLines: number = Number.POSITIVE_INFINITY) {
    this.#linesLeft = bodyLines;
  }

  /** Whether the lines that were asked for are complete, so that no further chunk is needed. */
  get isComplete(): boolean {
    return this.#linesLeft <= 0 && !this.#inHeader;
  }

  /** The octets to send for the next stored bytes. */
  encode(chunk: Uint8Array): Buffer {
    if (this.isComplete) return Buffer.alloc(0);
    return this.#linesLeft === Number.POSITIVE_INFINITY ? this.#encodeAll(chunk) : this.#encodeLines(chunk);
  }

  /** The octets to send for the last stored bytes, and what ends the reply. */
  finish(chunk: Uint8Array): Buffer {
    const octets = this.encode(chunk);
    return Buffer.concat([octets, Buffer.from(this.#atLineStart ? '\r\n.\r\n' : '\r\n\r\n.\r\n', 'latin1')]);
  }

  #encodeAll(chunk: Uint8Array): Buffer {
    const output = Buffer.allocUnsafe(2 * chunk.length);
    let length = 0;
    let atLineStart = this.#atLineStart;
    let afterCr = this.#afterCr;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (byte === LF) {
        if (!afterCr) output[length++] = CR;
        atLineStart = true;
      } else if (atLineStart) {
        if (byte === DOT) output[length++] = DOT;
        atLineStart = false;
      }
      output[length++] = byte;
      afterCr = byte === CR;
    }
    this.#atLineStart = atLineStart;
    this.#afterCr = afterCr;
    return output.subarray(0, length);
  }

  /** As `#encodeAll`, line by line until there are enough. */
  #encodeLines(chunk: Uint8Array): Buffer {
    const pieces: Buffer[] = [];
    for (let start = 0; start < chunk.length && !this.isComplete; ) {
      const lineFeed = chunk.indexOf(LF, start);
      const end = lineFeed < 0 ? chunk.length : lineFeed + 1;
      const line = chunk.subarray(start, end);
      pieces.push(this.#encodeAll(line));
      this.#count(line, lineFeed >= 0);
      start = end;
    }
    return Buffer.concat(pieces);
  }

  #count(line: Uint8Array, isEnded: boolean): void {
    const octets = isEnded ? line.length - 1 : line.length;
    if (octets > 0) this.#lineIsEmpty = this.#lineOctets === 0 && octets === 1 && line[0] === CR;
    this.#lineOctets += octets;
    if (!isEnded) return;
    if (!this.#inHeader) this.#linesLeft--;
    else if (this.#lineIsEmpty) this.#inHeader = false;
    this.#lineOctets = 0;
    this.#lineIsEmpty = true;
  }
}

/** Counts the octets that a message will be sent as. */
export class TransferSize {
  #octets = 0;
  #last = LF;

  add(chunk: Uint8Array): void {
    let octets = chunk.length;
    let last = this.#last;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (byte === LF && last !== CR) octets++;
      last = byte;
    }
    this.#octets += octets;
    this.#last = last;
  }

  /** The size to announce once every byte of the message was added. */
  get total(): number {
    return this.#octets + (this.#last === LF ? 0 : 2) + closingOctets;
  }
}
