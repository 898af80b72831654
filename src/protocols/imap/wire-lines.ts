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
    const bare = this.#bareLineFeeds(piece);
    const sent = Buffer.allocUnsafe(piece.length + bare);
    // It is put at the end, and line after line moves to the front: what comes is always behind what was written.
    piece.copy(sent, bare);
    let to = 0;
    let before = this.#last;
    for (let from = bare; to < from; before = lineFeed) {
      const at = sent.indexOf(lineFeed, from);
      const isBare = (at === from ? before : sent[at - 1]) !== carriageReturn;
      sent.copyWithin(to, from, at);
      to += at - from;
      if (isBare) sent[to++] = carriageReturn;
      sent[to++] = lineFeed;
      from = at + 1;
    }
    this.#last = piece.at(-1) ?? this.#last;
    if (this.#shownNul !== 0)
      for (let at = sent.indexOf(0); at >= 0; at = sent.indexOf(0, at + 1)) sent[at] = this.#shownNul;
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

/**
 * The same as Latin-1 text, for large texts: it takes no memory beside the engine's heap, which would be freed late, and make the engine look through all that it has the more often.
 * @returns undefined where bytes have to be looked at: there is a CR or NUL
 */
export function wireString(stored: Buffer): string | undefined {
  if (stored.includes(carriageReturn) || stored.includes(0)) return undefined;
  return stored.toString('latin1').replaceAll('\n', '\r\n');
}
