// Where a section of FETCH (RFC 9051 6.4.5, `section`) is in a stored message.
//
//   [] [HEADER] [TEXT] [HEADER.FIELDS (..)]     of the message
//   [2]                                         the body of part 2; of message/rfc822 the whole message inside
//   [2.MIME]                                    the header of part 2 itself
//   [2.HEADER] [2.TEXT] [2.1]                   of the message inside part 2
//
// A message that is no multipart has one part, 1, with its own header. What is not there has no place: it is sent as an empty text, as Dovecot does.

import type { Extent } from '../mime/extent.js';
import type { MimePart } from '../mime/structure.js';
import type { Section } from './fetch-items.js';

/** Stored bytes that follow each other, and how many octets they are with every line end as CRLF. */
export interface SectionPlace {
  readonly start: number;
  readonly bytes: number;
  readonly crlfBytes: number;
}

/** @returns undefined for what the message does not have */
export function placeOfSection(root: MimePart, { part: path, what }: Section): SectionPlace | undefined {
  if (path.length === 0) return placeIn(root, what);
  const goesInside = what !== 'ALL' && what !== 'MIME';
  const part = partAt(root, path, goesInside);
  if (part === undefined) return undefined;
  return placeIn(part, what === 'ALL' ? 'TEXT' : what === 'MIME' ? 'HEADER' : what);
}

/** The part whose transfer encoding BINARY undoes; undefined when there is none, or it is no leaf. */
export function leafOfSection(root: MimePart, path: readonly number[]): MimePart | undefined {
  const part = path.length === 0 ? undefined : partAt(root, path, false);
  return part?.kind === 'leaf' ? part : undefined;
}

/** @param goesInside the last number must be that of a message, and the message inside is meant */
function partAt(root: MimePart, path: readonly number[], goesInside: boolean): MimePart | undefined {
  let part: MimePart | undefined = root;
  let isInside = false;
  // A part that is no multipart may be called its own part 1, but that has no parts.
  let isOwnPart = false;
  for (const [index, number] of path.entries()) {
    const isMultipart: boolean = part?.kind === 'multipart';
    if (isMultipart) part = part?.children[number - 1];
    else if (number !== 1 || isOwnPart) part = undefined;
    isOwnPart = !isMultipart;
    isInside = part?.kind === 'message' && (index < path.length - 1 || goesInside);
    if (!isInside) continue;
    part = part?.children[0];
    isOwnPart = false;
  }
  return goesInside && !isInside ? undefined : part;
}

function placeIn(part: MimePart, what: Section['what']): SectionPlace {
  const bodyStart = part.start + part.header.bytes;
  if (what === 'TEXT') return placeOf(bodyStart, part.body);
  if (what !== 'ALL') return placeOf(part.start, part.header);
  const { header, body } = part;
  return { start: part.start, bytes: header.bytes + body.bytes, crlfBytes: header.crlfBytes + body.crlfBytes };
}

function placeOf(start: number, { bytes, crlfBytes }: Extent): SectionPlace {
  return { start, bytes, crlfBytes };
}
