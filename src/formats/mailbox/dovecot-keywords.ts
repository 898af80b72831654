// dovecot-keywords: the names of the keyword letters of one folder (formats/dovecot.md 2.4).
//
//   0 $Label1
//   1 NonJunk
//
// Number n is the letter `a` + n of a file name; 26 numbers exist, gaps are allowed. Names compare without case (ASCII). Written only under dovecot-uidlist.lock, by making
// dovecot-keywords.lock with the new contents and renaming it, with a modification time at least a second above the last one: readers go by whole seconds.
//
// Lines that are no keyword, and a number or name that was there before, are dropped, as Dovecot drops them. A letter without a name gets `unknown-<n>`, as Dovecot invents it.

import { lower } from '../../mail/address.js';
import { lineTexts } from '../text-lines.js';

/** How many keywords have a letter. */
export const letteredKeywords = 26;
/** Dovecot's mail_max_keyword_length. */
export const longestKeyword = 50;

/** Names by number; undefined where a number has none. */
export type KeywordNames = readonly (string | undefined)[];

/** Reads the file. Every input has a value. */
export function parseDovecotKeywords(bytes: Buffer): KeywordNames {
  const names: (string | undefined)[] = [];
  const seen = new Set<string>();
  for (const text of lineTexts(bytes)) {
    const found = /^([0-9]{1,2}) (\S.*)$/s.exec(text);
    const [number, name] = [Number(found?.[1]), found?.[2]];
    if (name === undefined || number >= letteredKeywords || names[number] !== undefined) continue;
    if (seen.has(keywordKey(name))) continue;
    seen.add(keywordKey(name));
    while (names.length < number) names.push(undefined);
    names[number] = name;
  }
  return names;
}

/** The bytes of the file; the mirror of `parseDovecotKeywords` for what Dovecot writes. */
export function serializeDovecotKeywords(names: KeywordNames): Buffer {
  const lines = names.flatMap((name, number) => (name === undefined ? [] : [`${number} ${name}\n`]));
  return Buffer.from(lines.join(''), 'latin1');
}

/** Two names of one keyword have one key. */
export function keywordKey(name: string): string {
  return lower(name);
}

/** Whether a client may name a keyword so: an atom (RFC 9051 9) that does not begin with a backslash, not longer than Dovecot takes. */
export function isKeyword(name: string): boolean {
  return name.length > 0 && name.length <= longestKeyword && /^[^\x00-\x20\x7f(){%*"\\\]]+$/.test(name);
}

/** The name that Dovecot invents for a letter that has none. */
export function unknownKeyword(number: number): string {
  return `unknown-${number}`;
}
