// Header text as people read it (RFC 2047; language tags as RFC 2231 5 adds them).
//
//   =?ISO-2022-JP?B?GyRCJEgbKEI=?=
//   =?UTF-8*en?Q?Gr=C3=BC=C3=9Fe?= and more        words that stand side by side are one text: a character may be cut in two
//
// A word that cannot be read stays as it is. Raw bytes above ASCII are UTF-8 if they can be, else Latin-1.

import type { Charsets } from './charset.js';

const word = /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi;

/** @param text of a field, Latin-1, folded or not */
export function decodeHeaderText(text: string, charsets: Charsets): string {
  if (!text.includes('=?')) return decodeRaw(text, charsets);
  const parts: string[] = [];
  let pending: Pending | undefined;
  let at = 0;
  const flush = (): void => {
    if (pending !== undefined)
      parts.push(charsets.decode(Buffer.concat(pending.pieces), pending.charset) ?? pending.raw);
    pending = undefined;
  };
  for (const found of text.matchAll(word)) {
    const [raw, charset = '', encoding = '', encoded = ''] = found;
    const between = text.slice(at, found.index);
    const isJoined = pending !== undefined && /^[ \t\r\n]*$/.test(between);
    if (!isJoined || pending?.charset !== charset.toLowerCase()) {
      flush();
      if (!isJoined) parts.push(decodeRaw(between, charsets));
      pending = { charset: charset.toLowerCase(), pieces: [], raw: '' };
    }
    pending?.pieces.push(decodeWord(encoding, encoded));
    if (pending !== undefined) pending.raw += `${pending.raw === '' ? '' : ' '}${raw}`;
    at = found.index + raw.length;
  }
  flush();
  parts.push(decodeRaw(text.slice(at), charsets));
  return parts.join('');
}

interface Pending {
  readonly charset: string;
  readonly pieces: Buffer[];
  /** What stands there when the charset is not known. */
  raw: string;
}

function decodeWord(encoding: string, encoded: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(encoded, 'base64');
  const text = encoded
    .replaceAll('_', ' ')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}

function decodeRaw(text: string, charsets: Charsets): string {
  const unfolded = text.replace(/\r?\n/g, '');
  return /[\x80-\xff]/.test(unfolded) ? charsets.decodeUnlabelled(Buffer.from(unfolded, 'latin1')) : unfolded;
}
