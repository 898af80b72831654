// The flags that a client names, in STORE, APPEND and REPLACE: system flags by their bits, keywords by their names.

import { flagBits } from '../../../formats/mailbox/message-flags.js';
import { SyntaxProblem } from '../../../protocols/imap/decoder.js';
import type { NamedFlags } from '../../../stores/mailboxes/mailbox-types.js';

const systemFlags: ReadonlyMap<string, number> = new Map([
  ['\\ANSWERED', flagBits.answered],
  ['\\FLAGGED', flagBits.flagged],
  ['\\DELETED', flagBits.deleted],
  ['\\SEEN', flagBits.seen],
  ['\\DRAFT', flagBits.draft],
]);

/** @throws SyntaxProblem for a system flag that no client can set */
export function namedFlags(names: readonly string[]): NamedFlags {
  let flags = 0;
  const keywords: string[] = [];
  for (const name of names) {
    const bit = systemFlags.get(name.toUpperCase());
    if (bit !== undefined) flags |= bit;
    else if (name.startsWith('\\')) throw new SyntaxProblem(`Invalid system flag ${name.toUpperCase()}`);
    else keywords.push(name);
  }
  return { flags, keywords };
}
