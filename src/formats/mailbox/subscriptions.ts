// The subscriptions of an account: Dovecot's file `subscriptions` and Courier's `courierimapsubscribed` (formats/dovecot.md 2.5, 4.4).
//
//   V<TAB>2<LF><LF>            Dovecot's version 2; levels separated by TAB, in each level 0x01 stands before 1 (itself), t (TAB), r, n, 0 (NUL)
//   Work<TAB>Proj
//
//   Work.Proj                  version 1: no header, the separator of the disk between levels
//
//   INBOX.Work.Proj            Courier: names as clients see them; UTF-8 since 5.0, modified UTF-7 before
//
// Order is that of subscribing. Dovecot's file is replaced under subscriptions.lock, which is made with the new contents; the version found is kept, a new file has version 2. Names need
// not exist. Names in memory are modified UTF-7 with `.`; INBOX is written in capitals.

import { lineTexts } from '../text-lines.js';
import { inbox, isInbox, separator } from './folder-names.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.js';

export interface Subscriptions {
  readonly version: 1 | 2;
  readonly names: readonly string[];
}

const header = 'V\t2';

/** Reads Dovecot's file. Every input has a value; a name that is there twice is kept once. */
export function parseSubscriptions(bytes: Buffer): Subscriptions {
  const lines = lineTexts(bytes);
  if (lines[0] !== header) return { version: 1, names: once(lines) };
  // An empty line ends the header.
  const first = lines.indexOf('') < 0 ? 1 : lines.indexOf('') + 1;
  return {
    version: 2,
    names: once(lines.slice(first).map((line) => line.split('\t').map(unescaped).join(separator))),
  };
}

/** The bytes of Dovecot's file; the mirror of `parseSubscriptions` for what Dovecot writes. */
export function serializeSubscriptions({ version, names }: Subscriptions): Buffer {
  const lines = version === 1 ? names : names.map((name) => name.split(separator).map(escaped).join('\t'));
  const text = lines.map((line) => `${line}\n`).join('');
  return Buffer.from(version === 1 ? text : `${header}\n\n${text}`, 'latin1');
}

/** The names in Courier's file, without its prefix `INBOX.`. Lines that are no name there are dropped. */
export function parseCourierSubscriptions(bytes: Buffer): string[] {
  return once(
    lineTexts(bytes).flatMap((line) => {
      if (isInbox(line)) return [inbox];
      const name = /^INBOX\.(.+)$/is.exec(line)?.[1];
      return name === undefined ? [] : [fromUtf8(name)];
    }),
  );
}

/** The name of a Courier file: modified UTF-7 stays, anything else is UTF-8. */
function fromUtf8(name: string): string {
  if (decodeModifiedUtf7(name) !== undefined) return name;
  return encodeModifiedUtf7(Buffer.from(name, 'latin1').toString('utf8'));
}

function once(names: readonly string[]): string[] {
  return [...new Set(names.filter((name) => name !== '').map((name) => (isInbox(name) ? inbox : name)))];
}

const escapes: Readonly<Record<string, string>> = { '\x01': '1', '\t': 't', '\r': 'r', '\n': 'n', '\0': '0' };
const unescapes: Readonly<Record<string, string>> = { '1': '\x01', t: '\t', r: '\r', n: '\n', '0': '\0' };

function escaped(level: string): string {
  return level.replace(/[\x00\x01\t\r\n]/g, (byte) => `\x01${escapes[byte]}`);
}

function unescaped(level: string): string {
  return level.replace(/\x01(.)/gs, (_, letter: string) => unescapes[letter] ?? letter);
}
