// Sizes of parts of a message, and places in it, which are sizes of what stands before them.

/** A size in three measures. */
export interface Extent {
  /** Bytes as stored. */
  readonly bytes: number;
  /** Bytes when every line end is CRLF: what IMAP counts. */
  readonly crlfBytes: number;
  /** Line ends. */
  readonly lines: number;
}

/** @param lineEndBytes of the line end before it; 0: there is none */
export function withoutLineEnd({ bytes, crlfBytes, lines }: Extent, lineEndBytes: number): Extent {
  const isThere = lineEndBytes > 0;
  return { bytes: bytes - lineEndBytes, crlfBytes: crlfBytes - (isThere ? 2 : 0), lines: lines - (isThere ? 1 : 0) };
}

/** The size of what lies between two places. */
export function difference(end: Extent, start: Extent): Extent {
  return {
    bytes: end.bytes - start.bytes,
    crlfBytes: end.crlfBytes - start.crlfBytes,
    lines: end.lines - start.lines,
  };
}
