// BODY and TEXT of SEARCH: a text anywhere in the parts that are text, and for TEXT in the headers of all parts too.
//
// Most messages do not have it. Whether one can have it is seen from its raw bytes, before anything is decoded: plain ASCII bytes without any encoding hold what they show.

import { collationKey } from '../../../protocols/imap/collation.js';
import { placeOfSection } from '../../../protocols/imap/section-place.js';
import type { Charsets } from '../../../protocols/mime/charset.js';
import { searchableHeader } from '../../../protocols/mime/searchable-header.js';
import { type MimePart, transferEncodingOf } from '../../../protocols/mime/structure.js';
import { transferDecoder } from '../../../protocols/mime/transfer-encoding.js';
import type { MessageText } from '../fetch/message-text.js';

export interface TextPattern {
  /** collationKey of what is looked for; not empty. */
  readonly key: string;
  readonly inHeaders: boolean;
}

/** Signs that a message says something else than its bytes show. */
const encodingSigns = /[\x80-\xff\x1b]|=\?|base64|quoted-printable|\*=|\*\d|utf-?(?:7|16)/i;

export async function hasText(text: MessageText, pattern: TextPattern, charsets: Charsets): Promise<boolean> {
  if (text.whole !== undefined && !mayHaveText(text.whole, pattern.key)) return false;
  return inPart(await text.structure(), text, pattern, charsets);
}

function mayHaveText(whole: Buffer, key: string): boolean {
  const raw = whole.toString('latin1');
  if (encodingSigns.test(raw)) return true;
  // A text may be folded where the pattern has a blank.
  const pieces = key.split(/\s+/).filter((piece) => piece !== '');
  const lower = raw.toLowerCase();
  return pieces.every((piece) => lower.includes(piece));
}

async function inPart(part: MimePart, text: MessageText, pattern: TextPattern, charsets: Charsets): Promise<boolean> {
  if (pattern.inHeaders && part.header.bytes > 0) {
    const header = await text.stored(part.start, Math.min(part.header.bytes, mostHeaderBytes));
    if (collationKey(searchableHeader(header, charsets)).includes(pattern.key)) return true;
  }
  for (const child of part.children) if (await inPart(child, text, pattern, charsets)) return true;
  return part.kind === 'leaf' && isSearched(part) && (await inLeaf(part, text, pattern.key, charsets));
}

const mostHeaderBytes = 4 * 1024 * 1024;

function isSearched({ contentType }: MimePart): boolean {
  return /^(?:text|message)$/i.test(contentType.type);
}

async function inLeaf(part: MimePart, text: MessageText, key: string, charsets: Charsets): Promise<boolean> {
  const place = placeOfSection(part, { part: [], what: 'TEXT', fields: [] });
  const decoder = transferDecoder(transferEncodingOf(part));
  if (place === undefined || decoder === undefined || place.bytes === 0) return false;
  const charset = part.contentType.parameters.find(({ name }) => name.toLowerCase() === 'charset')?.value;
  const read = charsets.pieceReader(charset);
  let before = '';
  const isIn = (decoded: string): boolean => {
    const searched = before + collationKey(decoded);
    if (searched.includes(key)) return true;
    before = searched.slice(Math.max(0, searched.length - key.length + 1));
    return false;
  };
  for await (const piece of text.pieces(place)) if (isIn(read(decoder.write(piece), false))) return true;
  return isIn(read(decoder.end(), true));
}
