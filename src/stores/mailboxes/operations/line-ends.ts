// Line ends of messages: stored with LF, sent with CRLF. What is stored may have CRLF too, from other programs; W= and RFC822.SIZE count every LF that has no CR before it as two octets.

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** Counts the line ends of stored bytes that come in pieces. */
export class LineEnds {
  /** LF without CR before it. */
  bare = 0;
  #last = 0;

  add(piece: Buffer): void {
    for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) {
      const before = at === 0 ? this.#last : piece[at - 1];
      if (before !== carriageReturn) this.bare++;
    }
    this.#last = piece.at(-1) ?? this.#last;
  }
}

/** Makes LF of CRLF, in pieces as they come. A CR that no LF follows stays. */
export class StoredLines {
  #heldCarriageReturn = false;

  /** What is to be stored now; views of the piece. */
  take(piece: Buffer): Buffer[] {
    if (piece.length === 0) return [];
    const parts: Buffer[] = [];
    if (this.#heldCarriageReturn && piece[0] !== lineFeed) parts.push(Buffer.of(carriageReturn));
    this.#heldCarriageReturn = piece.at(-1) === carriageReturn;
    const end = this.#heldCarriageReturn ? piece.length - 1 : piece.length;
    let from = 0;
    for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) {
      if (at === 0 || piece[at - 1] !== carriageReturn) continue;
      if (at - 1 > from) parts.push(piece.subarray(from, at - 1));
      from = at;
    }
    if (end > from) parts.push(piece.subarray(from, end));
    return parts;
  }

  /** What was held back for the piece that does not come. */
  end(): Buffer[] {
    const held = this.#heldCarriageReturn;
    this.#heldCarriageReturn = false;
    return held ? [Buffer.of(carriageReturn)] : [];
  }
}
