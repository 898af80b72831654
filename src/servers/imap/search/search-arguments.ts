// What stands in front of the keys of SEARCH, SORT and THREAD: RETURN options (RFC 9051 6.4.4, RFC 5182 SAVE, RFC 9394 PARTIAL) and the charset of the texts.
//
//   RETURN (MIN COUNT) CHARSET UTF-8 FROM noel
//   RETURN (PARTIAL -1:-100) ALL

import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { type PartialRange, parsePartialRange } from '../../../protocols/imap/partial-range.js';
import type { Charsets } from '../../../protocols/mime/charset.js';
import { ImapProblem } from '../command.js';

export type PlainReturn = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE';

export interface ReturnOptions {
  readonly plain: ReadonlySet<PlainReturn>;
  readonly partial: PartialRange | undefined;
}

const plainReturns: ReadonlySet<string> = new Set<PlainReturn>(['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE']);

/** Takes `RETURN (...)` and the blank behind it, if that is next: the word has been read. @throws SyntaxProblem */
export function readReturnOptions(decoder: Decoder): ReturnOptions {
  const plain = new Set<PlainReturn>();
  let partial: PartialRange | undefined;
  decoder.sp();
  decoder.list(() => {
    const word = decoder.word();
    if (plainReturns.has(word)) plain.add(word as PlainReturn);
    else if (word === 'PARTIAL') {
      decoder.sp();
      partial = parsePartialRange(decoder.atom());
    } else throw new SyntaxProblem('Unknown SEARCH return option');
  });
  decoder.sp();
  if (partial !== undefined && plain.has('ALL')) throw new SyntaxProblem('PARTIAL conflicts with ALL');
  // Nothing in the parentheses is ALL; SAVE alone asks for no answer.
  if (plain.size === 0 && partial === undefined) plain.add('ALL');
  return { plain, partial };
}

/** Reads texts of a charset. @throws ImapProblem BADCHARSET */
export function textReader(charset: string, charsets: Charsets): (text: string) => string {
  const isDefault = /^(?:utf-?8|us-ascii)$/i.test(charset);
  if (!isDefault && !charsets.isKnown(charset)) throw new ImapProblem('NO', 'Unknown charset.', 'BADCHARSET');
  return (text) => {
    const bytes = Buffer.from(text, 'latin1');
    return (isDefault ? undefined : charsets.decode(bytes, charset)) ?? bytes.toString('utf8');
  };
}
