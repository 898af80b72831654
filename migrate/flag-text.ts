// The flags of a message as a word and the names of its keywords, such as `FS $Label1 Junk`.

import { unknownKeyword } from '../src/formats/mailbox/dovecot-keywords.js';
import { bitsOfLetters, keywordBits, lettersOfBits, systemFlagBits } from '../src/formats/mailbox/message-flags.js';
import type { NamedFlags } from '../src/stores/mailboxes/mailbox-types.js';

/** System flags in order, then the keywords by name. */
export function flagText({ flags, keywords }: NamedFlags): string {
  return [lettersOfBits(flags & systemFlagBits), ...[...keywords].sort()].join(' ').trimEnd();
}

/** The mirror of `flagText`. */
export function parseFlagText(text: string): NamedFlags {
  const [letters = '', ...keywords] = text.split(' ');
  return { flags: bitsOfLetters(letters), keywords };
}

/**
 * The flags that letters of a file name stand for.
 * @param names of keywords by number, as `dovecot-keywords` has them; a letter without one gets Dovecot's name for it
 */
export function flagsOfLetters(letters: string, names: readonly (string | undefined)[]): NamedFlags {
  const bits = bitsOfLetters(letters);
  return { flags: bits & systemFlagBits, keywords: keywordNames(bits, names) };
}

/** The names of the keywords among bits. */
export function keywordNames(bits: number, names: readonly (string | undefined)[]): string[] {
  const keywords: string[] = [];
  for (let number = 0; number < 26; number++)
    if (bits & keywordBits & (1 << number)) keywords.push(names[number] ?? unknownKeyword(number));
  return keywords;
}

/** What has to be added to and removed from `before` to make it `now`; undefined: nothing. */
export function flagChanges(
  before: NamedFlags,
  now: NamedFlags,
): { added: NamedFlags; removed: NamedFlags } | undefined {
  if (flagText(before) === flagText(now)) return undefined;
  return { added: beyond(now, before), removed: beyond(before, now) };
}

function beyond(more: NamedFlags, less: NamedFlags): NamedFlags {
  const keywords = more.keywords.filter((keyword) => !less.keywords.includes(keyword));
  return { flags: more.flags & ~less.flags & systemFlagBits, keywords };
}
