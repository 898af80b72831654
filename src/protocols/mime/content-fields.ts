// The values of Content-Type, Content-Disposition, Content-Transfer-Encoding and Content-Language (RFC 2045 5.1, 6.1, RFC 2183, RFC 3282), read as forgivingly as Dovecot does, whose answers
// mail programs have kept.
//
//   text/plain; charset="utf-8"; format=flowed      type, subtype, and parameters in their order
//   filename*0="very long "; filename*1="name.bin"  RFC 2231's pieces are joined, behind the other parameters; values stay encoded
//
// A parameter that cannot be read is passed over. Texts are Latin-1, values may be folded.

import { Rfc822Reader, Word } from './rfc822-reader.js';

export interface Parameter {
  readonly name: string;
  readonly value: string;
}

export interface ContentType {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly Parameter[];
}

export interface ContentDisposition {
  readonly disposition: string;
  readonly parameters: readonly Parameter[];
}

const unreadable: ContentType = { type: '', subtype: '', parameters: [] };

/** What cannot be read has empty names, and what follows it is not looked at; a type alone is kept. */
export function parseContentType(value: string): ContentType {
  const reader = new Rfc822Reader(value);
  const type = new Word();
  const subtype = new Word();
  if (reader.skipBlanks() !== 'more') return unreadable;
  if (reader.mimeToken(type) !== 'more') return { ...unreadable, type: type.text };
  if (type.text === '' || reader.peek() !== '/') return unreadable;
  reader.at++;
  if (reader.skipBlanks() !== 'more' || reader.mimeToken(subtype) === 'broken') return unreadable;
  if (subtype.text === '' || (!reader.isAtEnd && reader.peek() !== ';')) return unreadable;
  return { type: type.text, subtype: subtype.text, parameters: parseParameters(reader) };
}

/** @returns undefined when there is none */
export function parseContentDisposition(value: string): ContentDisposition | undefined {
  const reader = new Rfc822Reader(value);
  const disposition = new Word();
  reader.skipBlanks();
  if (reader.mimeToken(disposition) === 'broken') return undefined;
  return { disposition: disposition.text, parameters: parseParameters(reader) };
}

/** @returns undefined when it is not one word */
export function parseTransferEncoding(value: string): string | undefined {
  const reader = new Rfc822Reader(value);
  const encoding = new Word();
  reader.skipBlanks();
  const progress = reader.mimeToken(encoding);
  return progress === 'end' && encoding.text !== '' ? encoding.text : undefined;
}

/** The tags of Content-Language, in order. */
export function parseContentLanguage(value: string): string[] {
  const reader = new Rfc822Reader(value);
  const tags: string[] = [];
  reader.skipBlanks();
  for (;;) {
    const tag = new Word();
    const progress = reader.atom(tag);
    if (progress === 'broken') return tags;
    tags.push(tag.text);
    if (reader.peek() !== ',') return tags;
    reader.at++;
    reader.skipBlanks();
  }
}

function parseParameters(reader: Rfc822Reader): Parameter[] {
  const plain: Parameter[] = [];
  const pieces: Piece[] = [];
  while (!reader.isAtEnd) {
    const parameter = nextParameter(reader);
    if (parameter === undefined) {
      if (!reader.isAtEnd) reader.at++;
      continue;
    }
    const piece = pieceOf(parameter);
    if (piece === undefined) plain.push(parameter);
    else pieces.push(piece);
  }
  return [...plain, ...joinPieces(pieces)];
}

/** What stands behind the semicolon that is next; undefined when it is no parameter. */
function nextParameter(reader: Rfc822Reader): Parameter | undefined {
  if (reader.peek() !== ';') return undefined;
  reader.at++;
  const name = new Word();
  const value = new Word();
  if (reader.skipBlanks() !== 'more') return undefined;
  if (reader.mimeToken(name) !== 'more' || reader.peek() !== '=') return undefined;
  reader.at++;
  let progress = reader.skipBlanks();
  if (progress === 'more' && reader.peek() === '"') progress = reader.quotedString(value);
  // Broken, but common: name==?utf-8?b?...?=
  else if (progress === 'more' && reader.peek() === '=') value.text = reader.untilBlank();
  else if (progress === 'more') progress = reader.mimeToken(value);
  return progress === 'broken' ? undefined : { name: name.text, value: value.text };
}

/** A parameter in the form of RFC 2231: `name*`, `name*1`, `name*1*`. */
interface Piece {
  readonly name: string;
  readonly number: number;
  readonly isEncoded: boolean;
  readonly value: string;
}

function pieceOf({ name, value }: Parameter): Piece | undefined {
  const found = /^([^*]*)\*(?:(\d{0,9})(\*)?)?$/.exec(name);
  if (found === null) return undefined;
  const [, base = '', number = '', star] = found;
  return { name: base, number: Number(number), isEncoded: number === '' || star !== undefined, value };
}

/** RFC 2231 3: the pieces of a name joined by their numbers; left as they are when one is missing. */
function joinPieces(pieces: readonly Piece[]): Parameter[] {
  const sorted = [...pieces].sort((a, b) => (a.name === b.name ? a.number - b.number : a.name < b.name ? -1 : 1));
  const joined: Parameter[] = [];
  for (let start = 0; start < sorted.length; ) {
    const name = sorted[start]?.name ?? '';
    const end = sorted.findIndex((piece, index) => index >= start && piece.name.toLowerCase() !== name.toLowerCase());
    const all = sorted.slice(start, end < 0 ? undefined : end);
    joined.push(...join(name, all));
    start += all.length;
  }
  return joined;
}

function join(name: string, pieces: readonly Piece[]): Parameter[] {
  if (pieces.some(({ number }, index) => number !== index))
    return pieces.map((piece) => ({
      name: `${piece.name}*${piece.number}${piece.isEncoded ? '*' : ''}`,
      value: piece.value,
    }));
  const isEncoded = pieces.some((piece) => piece.isEncoded);
  const value = pieces.map((piece) => (isEncoded && !piece.isEncoded ? encode(piece.value) : piece.value)).join('');
  return [{ name: isEncoded ? `${name}*` : name, value }];
}

/** A piece that is not encoded beside one that is. */
function encode(value: string): string {
  return value.replace(/[%*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}
