// PREVIEW of a message: its first part that is text and no attachment, plain text before HTML in a multipart/alternative since it stands first there.

import { placeOfSection } from '../../../protocols/imap/section-place.js';
import type { Charsets } from '../../../protocols/mime/charset.js';
import { previewOf } from '../../../protocols/mime/preview.js';
import { type MimePart, transferEncodingOf } from '../../../protocols/mime/structure.js';
import { transferDecoder } from '../../../protocols/mime/transfer-encoding.js';
import type { MessageText } from './message-text.js';

/** Stored bytes that are looked at. */
const mostBytes = 32 * 1024;

/** '' for a message that says nothing. */
export async function previewText(text: MessageText, charsets: Charsets): Promise<string> {
  const part = firstText(await text.structure());
  if (part === undefined) return '';
  const place = placeOfSection(part, { part: [], what: 'TEXT', fields: [] });
  if (place === undefined) return '';
  const decoder = transferDecoder(transferEncodingOf(part));
  if (decoder === undefined) return '';
  const stored = await text.stored(place.start, Math.min(place.bytes, mostBytes));
  const bytes = Buffer.concat([decoder.write(stored), decoder.end()]);
  const charset = part.contentType.parameters.find(({ name }) => name.toLowerCase() === 'charset')?.value;
  const decoded = charset === undefined || /^us-ascii$/i.test(charset) ? undefined : charsets.decode(bytes, charset);
  return previewOf(decoded ?? charsets.decodeUnlabelled(bytes), part.contentType.subtype.toLowerCase() === 'html');
}

function firstText(part: MimePart): MimePart | undefined {
  if (part.kind === 'leaf') {
    const { type, subtype } = part.contentType;
    const isAttachment = /^\s*attachment\b/i.test(part.fields.get('content-disposition')?.[0] ?? '');
    const isShown = type.toLowerCase() === 'text' && /^(?:plain|html|enriched)$/i.test(subtype);
    return isShown && !isAttachment ? part : undefined;
  }
  if (part.kind === 'message') return undefined;
  for (const child of part.children) {
    const found = firstText(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
