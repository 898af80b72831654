// The keywords that a client names, as numbers of a mailbox: those below 26 are bits and letters of file names, the others stand in vq-state.

import { isKeyword, letteredKeywords, longestKeyword } from '../../../formats/mailbox/dovecot-keywords.js';
import type { Mailbox } from '../folder/mailbox.js';
import { MailboxRefusal } from '../refusal.js';

export interface KeywordNumbers {
  readonly bits: number;
  /** Numbers from 26 on. */
  readonly others: readonly number[];
}

/** How many keywords a mailbox may have; each is looked up for every message that has one. */
const mostKeywords = 500;

/** @throws MailboxRefusal for a name that cannot be a keyword's */
export function mustBeKeywords(names: readonly string[]): void {
  for (const name of names) {
    if (name.length > longestKeyword) throw new MailboxRefusal('LIMIT', 'Keyword name is too long');
    if (!isKeyword(name)) throw new MailboxRefusal('CANNOT', 'Keyword name has characters that cannot be stored');
  }
}

/** Numbers of keywords, giving them to new ones. Under the mailbox's lock. @throws MailboxRefusal LIMIT; TemporaryError */
export function registerKeywords(mailbox: Mailbox, names: readonly string[]): KeywordNumbers {
  const { keywords } = mailbox;
  const unknown = names.filter((name) => keywords.numberOf(name) === undefined);
  if (unknown.length > 0) {
    if (keywords.names.length + unknown.length > mostKeywords)
      throw new MailboxRefusal('LIMIT', 'Too many keywords in this mailbox');
    for (const { number, name } of keywords.register(unknown, 0, mailbox.manner()))
      mailbox.state.noteName(number, name);
  }
  return knownKeywords(mailbox, names);
}

/** Numbers of those keywords that the mailbox has. */
export function knownKeywords({ keywords }: Mailbox, names: readonly string[]): KeywordNumbers {
  const numbers = names.flatMap((name) => keywords.numberOf(name) ?? []);
  return {
    bits: numbers.reduce((bits, number) => (number < letteredKeywords ? bits | (1 << number) : bits), 0),
    others: [...new Set(numbers.filter((number) => number >= letteredKeywords))],
  };
}

/** The names of all keywords of a message. */
export function keywordNamesOf({ keywords, table, state }: Mailbox, row: number): string[] {
  const bits = table.bitsAt(row);
  const lettered = keywords.names.slice(0, letteredKeywords).filter((_, number) => bits & (1 << number));
  const others = [...(state.keywordsOf(table.uidAt(row)) ?? [])].map((number) => keywords.names[number]);
  return [...lettered, ...others].filter((name) => name !== undefined);
}
