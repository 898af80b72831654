// Flags as imapflow has them, and as mailboxes of this host do.

import { flagBits } from '../../src/formats/mailbox/message-flags.js';
import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';

const systemFlags: readonly (readonly [name: string, bit: number])[] = [
  ['\\Seen', flagBits.seen],
  ['\\Answered', flagBits.answered],
  ['\\Flagged', flagBits.flagged],
  ['\\Deleted', flagBits.deleted],
  ['\\Draft', flagBits.draft],
];

/** `\\Recent` is left out, which is no flag of a message but of a session. */
export function flagsFrom(names: Iterable<string>): NamedFlags {
  let flags = 0;
  const keywords: string[] = [];
  for (const name of names) {
    const bit = systemFlags.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
    if (bit !== undefined) flags |= bit;
    else if (name.toLowerCase() !== '\\recent') keywords.push(name);
  }
  return { flags, keywords };
}

/** Whether a keyword can be written in a command (RFC 9051 9, atom). */
export function isAtom(keyword: string): boolean {
  return /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/.test(keyword);
}

/** @param permanent PERMANENTFLAGS of the folder; undefined: everything */
export function flagNames({ flags, keywords }: NamedFlags, permanent?: ReadonlySet<string>): string[] {
  const names = [...systemFlags.flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])), ...keywords];
  return permanent === undefined || permanent.has('\\*') ? names : names.filter((name) => permanent.has(name));
}
