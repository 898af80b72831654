// Flags as imapflow has them, and as mailboxes of this host do.

import { isKeyword } from '../../src/formats/mailbox/dovecot-keywords.js';
import { flagBits } from '../../src/formats/mailbox/message-flags.js';
import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';

const systemFlags: readonly (readonly [name: string, bit: number])[] = [
  ['\\Seen', flagBits.seen],
  ['\\Answered', flagBits.answered],
  ['\\Flagged', flagBits.flagged],
  ['\\Deleted', flagBits.deleted],
  ['\\Draft', flagBits.draft],
];

/** Keywords that cannot be kept here are left out. */
export function flagsFrom(names: Iterable<string>): NamedFlags {
  let flags = 0;
  const keywords: string[] = [];
  for (const name of names) {
    const bit = systemFlags.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
    if (bit !== undefined) flags |= bit;
    else if (isKeyword(name)) keywords.push(name);
  }
  return { flags, keywords };
}

/** @param permanent PERMANENTFLAGS of the folder; undefined: everything */
export function flagNames({ flags, keywords }: NamedFlags, permanent?: ReadonlySet<string>): string[] {
  const names = [...systemFlags.flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])), ...keywords];
  return permanent === undefined || permanent.has('\\*') ? names : names.filter((name) => permanent.has(name));
}
