// mbox files (RFC 4155, qmail's mbox(5)), as qmail-local, Postfix, procmail, UW IMAP, Dovecot and Thunderbird leave them.
//
//   From joe@example.jp Tue Nov 24 02:03:31 2026      begins a message: at the start of the file or behind an empty line, with a date
//   Status: RO                                        R read, O old
//   X-Status: AFTD                                    answered, flagged, draft (T), deleted (D)
//   X-Keywords: $Label1 Junk
//   X-Mozilla-Status: 0005                            bits: 1 read, 2 answered, 4 flagged, 8 deleted
//   X-Mozilla-Keys: $label1
//   Subject: first
//
//   >From the start                                   one `>` is taken off a line of any number of `>` and `From `
//                                                     the empty line before the next message is none of this one's
//
// A line in a message that would begin another one begins none when the message has a Content-Length that ends at a later beginning, or at the end of the file (mboxcl2).
//
// The fields that are marks of the file are left out of the message, as Dovecot leaves them out. A date without a zone is UTC, as qmail writes it. Pure functions over bytes.

import { flagBits } from '../../src/formats/mailbox/message-flags.js';
import { parseRfc5322Date } from '../../src/mail/dates.js';
import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';

const fromLine =
  /^From .*?(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat),? (?:([A-Z][a-z]{2}) +(\d{1,2})|(\d{1,2}) ([A-Z][a-z]{2})) (\d{1,2}:\d{2}(?::\d{2})?)(?: ([A-Z]{1,5}|[+-]\d{4}))? (\d{4})(?: ([A-Z]{1,5}|[+-]\d{4}))?\s*$/;

/** The time of a line that begins a message, in Unix seconds; undefined for another line. @param line without its end */
export function fromLineTime(line: string): number | undefined {
  const found = fromLine.exec(line);
  if (found === null) return undefined;
  const [, monthFirst, dayAfter, dayFirst, monthAfter, clock, zoneBefore, year, zoneAfter] = found;
  const date = `${dayFirst ?? dayAfter} ${monthFirst ?? monthAfter} ${year} ${clock} ${zoneBefore ?? zoneAfter ?? '+0000'}`;
  return parseRfc5322Date(date)?.unixSeconds;
}

/** Finds where messages begin in a file that comes in pieces, cut anywhere. */
export class MboxScanner {
  readonly #starts: number[] = [];
  /** What has to be looked at again with the next piece, and where in the file it begins. */
  #rest: Buffer = Buffer.from('\n\n');
  #offset = -2;

  add(piece: Buffer): void {
    const bytes = Buffer.concat([this.#rest, piece]);
    let at = bytes.indexOf('\nFrom ');
    for (; at >= 0; at = bytes.indexOf('\nFrom ', at + 1)) {
      const end = bytes.indexOf(0x0a, at + 1);
      if (end < 0) break;
      const isBehindEmptyLine = bytes[at - 1] === 0x0a || (bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a);
      if (isBehindEmptyLine && fromLineTime(bytes.toString('latin1', at + 1, end)) !== undefined)
        this.#starts.push(this.#offset + at + 1);
    }
    // A line that is not whole, or as much as may be the beginning of one with the empty line before it.
    const keep = Math.max(0, Math.min(at < 0 ? bytes.length : at, bytes.length - 6) - 2);
    this.#rest = bytes.subarray(keep);
    this.#offset += keep;
  }

  /** Where the messages begin. */
  get starts(): readonly number[] {
    return this.#starts;
  }
}

export interface MboxMessage extends NamedFlags {
  readonly unixSeconds: number | undefined;
  readonly text: Buffer;
  /** What UW IMAP keeps at the start of a file for itself. */
  readonly isInternal: boolean;
}

/** No head is longer in which a Content-Length is looked for. */
const headBytes = 256 * 1024;

const markFields =
  /^(status|x-status|x-keywords|x-uid|x-imap|x-imapbase|x-mozilla-status2?|x-mozilla-keys|content-length):/i;

/**
 * Where a message says by Content-Length that it ends, counted from its `From ` line; undefined when it says nothing.
 * @param bytes the message with its whole head
 */
export function declaredEnd(bytes: Buffer): number | undefined {
  const head = /^[^\n]*\n(?:[^\r\n][^\n]*\n)*?content-length:[ \t]*([0-9]{1,12})[ \t]*\r?\n(?:[^\r\n][^\n]*\n)*\r?\n/i;
  const found = head.exec(bytes.toString('latin1', 0, headBytes));
  return found === null ? undefined : found[0].length + Number(found[1]);
}

/** Reads a message from its `From ` line up to the next one's. */
export function parseMboxMessage(bytes: Buffer): MboxMessage {
  const lineEnd = bytes.indexOf(0x0a);
  const unixSeconds = fromLineTime(bytes.toString('latin1', 0, lineEnd < 0 ? bytes.length : lineEnd));
  const message = withoutLastEmptyLine(bytes.subarray(lineEnd < 0 ? bytes.length : lineEnd + 1)).toString('latin1');
  const headEnd = /^\r?\n/.exec(message)?.[0].length ?? (/\n\r?\n/.exec(message)?.index ?? message.length) + 1;
  const fields = message.slice(0, headEnd).match(/[^\n]*\n?(?:[ \t][^\n]*\n?)*/g) ?? [];
  const marks = new Map<string, string>();
  const kept = fields.filter((field) => {
    const name = markFields.exec(field)?.[1]?.toLowerCase();
    if (name !== undefined) marks.set(name, field.slice(name.length + 1).trim());
    return name === undefined;
  });
  const body = message.slice(headEnd).replace(/^>(>*From )/gm, '$1');
  const isInternal =
    (marks.has('x-imap') || marks.has('x-imapbase')) && /^Subject: DON'T DELETE THIS MESSAGE/m.test(kept.join(''));
  return { unixSeconds, text: Buffer.from(kept.join('') + body, 'latin1'), isInternal, ...flagsOf(marks) };
}

function flagsOf(marks: ReadonlyMap<string, string>): NamedFlags {
  const letters = `${marks.get('status') ?? ''}${(marks.get('x-status') ?? '').toLowerCase()}`;
  const mozilla = Number.parseInt(marks.get('x-mozilla-status') ?? '0', 16) || 0;
  let flags = 0;
  if (letters.includes('R') || mozilla & 1) flags |= flagBits.seen;
  if (letters.includes('a') || mozilla & 2) flags |= flagBits.answered;
  if (letters.includes('f') || mozilla & 4) flags |= flagBits.flagged;
  if (letters.includes('t')) flags |= flagBits.draft;
  if (letters.includes('d') || mozilla & 8) flags |= flagBits.deleted;
  const words = `${marks.get('x-keywords') ?? ''} ${marks.get('x-mozilla-keys') ?? ''}`.split(/\s+/);
  return { flags, keywords: [...new Set(words.filter((word) => word !== ''))] };
}

function withoutLastEmptyLine(bytes: Buffer): Buffer {
  const end = bytes.length;
  if (end >= 2 && bytes[end - 1] === 0x0a && bytes[end - 2] === 0x0a) return bytes.subarray(0, end - 1);
  if (end >= 4 && bytes.subarray(end - 4).equals(Buffer.from('\r\n\r\n'))) return bytes.subarray(0, end - 2);
  return end === 1 && bytes[0] === 0x0a ? bytes.subarray(0, 0) : bytes;
}
