// Stored bytes of a message as IMAP sends them: every line end is CRLF, and NUL, which a literal must not hold, is 0x80 (as Dovecot does).

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Turns pieces that follow each other, cut anywhere. */
export class WireLines {
  readonly #shownNul: number;
  #last = 0;

  /** @param keepsNul for a literal8 (RFC 3516), which may hold it */
  constructor({ keepsNul = false } = {}) {
    this.#shownNul = keepsNul ? 0 : 0x80;
  }

  /** @returns new bytes, also when nothing changes */
  take(piece: Buffer): Buffer {
    if (this.#last !== carriageReturn && !piece.includes(carriageReturn) && !piece.includes(0)) {
      this.#last = piece.at(-1) ?? this.#last;
      // What nearly all messages are: the engine replaces in a string faster than a loop copies bytes.
      return Buffer.from(piece.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    }
    const bare = this.#bareLineFeeds(piece);
    const sent = Buffer.allocUnsafe(piece.length + bare);
    let to = 0;
    let before = this.#last;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number;
      if (byte === lineFeed && before !== carriageReturn) sent[to++] = carriageReturn;
      sent[to++] = byte === 0 ? this.#shownNul : byte;
      before = byte;
    }
    this.#last = before;
    return sent;
  }

  #bareLineFeeds(piece: Buffer): number {
    let bare = 0;
    for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1))
      if ((at === 0 ? this.#last : piece[at - 1]) !== carriageReturn) bare++;
    return bare;
  }
}

/** The same for a text that is at hand as a whole. */
export function wireText(stored: Buffer): Buffer {
  return new WireLines().take(stored);
}
