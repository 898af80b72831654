// The flags of messages as they are told: `(\Answered \Seen \Recent $Label1)`, in Dovecot's order. Most messages of a mailbox have one of a few combinations, which are kept as bytes.

import { letteredKeywords } from '../../formats/mailbox/dovecot-keywords.js';
import { flagBits } from '../../formats/mailbox/message-flags.js';
import type { MailboxView } from '../../stores/mailboxes/mailbox-view.js';
import type { Extension } from './command.js';

const named = [
  [flagBits.answered, '\\Answered'],
  [flagBits.flagged, '\\Flagged'],
  [flagBits.deleted, '\\Deleted'],
  [flagBits.seen, '\\Seen'],
  [flagBits.draft, '\\Draft'],
] as const;

const mostKept = 2000;
/** Beside the 32 bits of flags. */
const recentBit = 2 ** 32;

/** Of one view. */
export class FlagLists {
  readonly #view: MailboxView;
  readonly #enabled: ReadonlySet<Extension>;
  #keywords: MailboxView['keywords'];
  /** By bits, with `recentBit` for \Recent. Made when the first is kept: most sessions only wait. */
  #kept: Map<number, Buffer> | undefined;

  /** @param enabled of the session, as it changes: IMAP4rev2 has no \Recent */
  constructor(view: MailboxView, enabled: ReadonlySet<Extension> = new Set()) {
    this.#view = view;
    this.#enabled = enabled;
    this.#keywords = view.keywords;
  }

  /** The list with its parentheses; undefined when the message is gone. */
  of(sequence: number): Buffer | undefined {
    const bits = this.#view.flagsAt(sequence);
    if (bits === undefined) return undefined;
    const isRecent = this.#view.isRecentAt(sequence) && !this.#enabled.has('IMAP4rev2');
    const others = this.#view.otherKeywordsAt(sequence);
    if (others.length > 0) return this.#format(bits, isRecent, others);
    this.#refresh();
    const key = isRecent ? bits + recentBit : bits;
    const known = this.#kept?.get(key);
    if (known !== undefined) return known;
    const made = this.#format(bits, isRecent, []);
    this.#kept ??= new Map();
    if (this.#kept.size < mostKept) this.#kept.set(key, made);
    return made;
  }

  #refresh(): void {
    const { keywords } = this.#view;
    if (keywords === this.#keywords) return;
    this.#keywords = keywords;
    this.#kept = undefined;
  }

  #format(bits: number, isRecent: boolean, others: readonly string[]): Buffer {
    const names: string[] = named.flatMap(([bit, name]) => ((bits & bit) !== 0 ? [name] : []));
    if (isRecent) names.push('\\Recent');
    const { keywords } = this.#view;
    for (let number = 0; number < letteredKeywords; number++) {
      const name = keywords[number];
      if (name !== undefined && (bits & (1 << number)) !== 0) names.push(name);
    }
    return Buffer.from(`(${[...names, ...others].join(' ')})`, 'latin1');
  }
}
