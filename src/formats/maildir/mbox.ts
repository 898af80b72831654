// An mbox file as qmail-local appends to it (formats/qmail.md 6.6): the lines of the delivery, the message with `From ` lines quoted, a line end if the message
// lacks its last, an empty line.
//
//   From a-b@c.d Tue Nov 24 02:03:31 2026
//   Return-Path: <"a b"@c.d>
//   Delivered-To: joe@test.example
//   Subject: first
//
//   >From the start                        a line of any number of `>` and `From ` gets one `>` more
//
// Reading is left to those who read mail.

import { mboxDate } from '../../mail/dates.js';

/** The line that begins a message, qmail-local's UFLINE, ended by LF. The null sender gives MAILER-DAEMON. */
export function fromLine(sender: string, unixSeconds: number): string {
  const name = sender === '' ? 'MAILER-DAEMON' : sender.replace(/[ \t\n]/g, '-');
  return `From ${name} ${mboxDate(unixSeconds)}\n`;
}

const quote = 0x3e;
const lineFeed = 0x0a;
const from = Buffer.from('From ');
const oneQuote = Buffer.from('>');

/** Quotes the `From ` lines of a message that comes in pieces, cut anywhere. */
export class FromQuoting {
  /** The beginning of a line that is still only `>` and a part of `From `. */
  #undecided: Buffer = Buffer.alloc(0);
  #atLineStart = true;

  /** What the next bytes become. The result may refer to `chunk`. */
  write(chunk: Buffer): Buffer[] {
    const bytes = this.#undecided.length === 0 ? chunk : Buffer.concat([this.#undecided, chunk]);
    this.#undecided = Buffer.alloc(0);
    const parts: Buffer[] = [];
    let taken = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#atLineStart) {
        const isFrom = beginsWithFrom(bytes, at);
        if (isFrom === undefined) {
          this.#undecided = bytes.subarray(at);
          parts.push(bytes.subarray(taken, at));
          return parts;
        }
        if (isFrom) {
          parts.push(bytes.subarray(taken, at), oneQuote);
          taken = at;
        }
      }
      const end = bytes.indexOf(lineFeed, at);
      this.#atLineStart = end >= 0;
      at = end < 0 ? bytes.length : end + 1;
    }
    parts.push(bytes.subarray(taken));
    return parts;
  }

  /** What ends the message: a line end if it lacks one, and the empty line. */
  end(): Buffer {
    const isWhole = this.#atLineStart && this.#undecided.length === 0;
    return Buffer.concat([this.#undecided, Buffer.from(isWhole ? '\n' : '\n\n')]);
  }
}

/** Whether a line begins with any number of `>` and `From `; undefined when the bytes end before that is known. */
function beginsWithFrom(bytes: Buffer, start: number): boolean | undefined {
  let at = start;
  while (at < bytes.length && bytes[at] === quote) at++;
  for (const wanted of from) {
    if (at === bytes.length) return undefined;
    if (bytes[at] !== wanted) return false;
    at++;
  }
  return true;
}
