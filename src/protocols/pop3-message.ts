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

/** More than a line adds to its own octets. */
const spareOctets = 8;

/** Octets that are sent for every message after its last complete line: the empty line. */
export const closingOctets = 2;

/** Encodes one message for RETR or TOP. */
export class MessageEncoder {
  /** The last octet so far; a message begins as a line does. */
  #last = LF;
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
    return Buffer.concat([octets, Buffer.from(this.#last === LF ? '\r\n.\r\n' : '\r\n\r\n.\r\n', 'latin1')]);
  }

  #encodeAll(chunk: Uint8Array): Buffer {
    const size = chunk.length;
    // Room for lines of ordinary length; where they are shorter, more is taken below.
    let output = Buffer.allocUnsafe(size + (size >> 3) + spareOctets);
    const from = viewOf(chunk);
    let to = viewOf(output);
    let length = 0;
    let last = this.#last;
    for (let index = 0; index < size; ) {
      const byte = chunk[index++] as number;
      if (byte === LF && last !== CR) output[length++] = CR;
      else if (byte === DOT && last === LF) output[length++] = DOT;
      output[length++] = byte;
      last = byte;
      if (byte === LF) {
        if (output.length - length < size - index + spareOctets) {
          output = enlarged(output, length, 2 * (size - index) + spareOctets);
          to = viewOf(output);
        }
        continue;
      }
      // The rest of the line goes four bytes at a time; most of a message does.
      const start = index;
      for (; index + 4 <= size; index += 4, length += 4) {
        const word = from.getUint32(index);
        if (holdsLineFeed(word)) break;
        to.setUint32(length, word);
      }
      if (index > start) last = chunk[index - 1] as number;
    }
    this.#last = last;
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
    const size = chunk.length;
    const from = viewOf(chunk);
    let octets = size;
    for (let index = 0; index < size; ) {
      if (index + 4 <= size && !holdsLineFeed(from.getUint32(index))) {
        index += 4;
        continue;
      }
      if (chunk[index] === LF && (index === 0 ? this.#last : chunk[index - 1]) !== CR) octets++;
      index++;
    }
    this.#octets += octets;
    this.#last = chunk[size - 1] ?? this.#last;
  }

  /** The size to announce once every byte of the message was added. */
  get total(): number {
    return this.#octets + (this.#last === LF ? 0 : 2) + closingOctets;
  }
}

/** The first octets of a buffer, with room behind them. */
function enlarged(buffer: Buffer, length: number, room: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(length + room);
  buffer.copy(larger, 0, 0, length);
  return larger;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Whether one of the four bytes of a word is LF: a byte that is zero after the exclusive or borrows into its highest bit. */
function holdsLineFeed(word: number): boolean {
  const zeroed = word ^ 0x0a0a0a0a;
  return ((zeroed - 0x01010101) & ~zeroed & 0x80808080) !== 0;
}
