// BINARY and BINARY.SIZE (RFC 3516, RFC 9051 6.4.5): a part with its transfer encoding undone. A multipart, and the message as a whole, has none, and is sent as it is.

import type { Section } from '../../../protocols/imap/fetch-items.js';
import { leafOfSection, placeOfSection } from '../../../protocols/imap/section-place.js';
import { WireLines } from '../../../protocols/imap/wire-lines.js';
import { transferEncodingOf } from '../../../protocols/mime/structure.js';
import { transferDecoder } from '../../../protocols/mime/transfer-encoding.js';
import type { MessageText } from './message-text.js';

/** A part whose transfer encoding nobody knows: NO [UNKNOWN-CTE]. */
export class UnknownEncoding extends Error {}

/** What is sent for a part, in pieces: can be asked for more than once, to count it and to send it. */
export type BinaryPieces = () => AsyncGenerator<Buffer, void, undefined>;

/** @throws UnknownEncoding */
export async function binaryPieces(text: MessageText, section: Section): Promise<BinaryPieces> {
  const root = await text.structure();
  const place = placeOfSection(root, section);
  if (place === undefined) return noPieces;
  const leaf = leafOfSection(root, section.part);
  const encoding = leaf === undefined ? 'binary' : transferEncodingOf(leaf);
  if (transferDecoder(encoding) === undefined) throw new UnknownEncoding(encoding);
  return async function* () {
    const decoder = transferDecoder(encoding);
    const lines = new WireLines({ keepsNul: true });
    // Stored line ends are LF where the message had CRLF; what base64 holds is as it was sent.
    const isBase64 = encoding.toLowerCase() === 'base64';
    for await (const piece of text.pieces(place)) yield decoder?.write(isBase64 ? piece : lines.take(piece)) ?? piece;
    const rest = decoder?.end();
    if (rest !== undefined && rest.length > 0) yield rest;
  };
}

async function* noPieces(): AsyncGenerator<Buffer, void, undefined> {}

/** How many octets it is, and whether there is a NUL, for which it must be a literal8. */
export async function measure(pieces: BinaryPieces): Promise<{ readonly octets: number; readonly hasNul: boolean }> {
  let octets = 0;
  let hasNul = false;
  for await (const piece of pieces()) {
    octets += piece.length;
    hasNul ||= piece.includes(0);
  }
  return { octets, hasNul };
}

/** The octets of a partial. */
export async function* clip(
  pieces: AsyncIterable<Buffer>,
  first: number,
  count: number,
): AsyncGenerator<Buffer, void, undefined> {
  let at = 0;
  for await (const piece of pieces) {
    const from = Math.max(0, first - at);
    const to = Math.min(piece.length, first + count - at);
    if (to > from) yield piece.subarray(from, to);
    at += piece.length;
    if (at >= first + count) return;
  }
}
