// The arguments of LIST (RFC 9051 6.3.9: the options of RFC 5258, 5819, 6154).
//
//   LIST "" "*"
//   LIST (SUBSCRIBED RECURSIVEMATCH) "" ("Work.%" "INBOX") RETURN (CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN))

import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { readStatusItems, type StatusItem } from './status.js';

export interface ListArguments {
  readonly reference: string;
  readonly patterns: readonly string[];
  /** Whether options or several patterns were given: such a client knows \NonExistent. */
  readonly isExtended: boolean;
  /** Which mailboxes. */
  readonly select: { readonly subscribed: boolean; readonly specialUse: boolean; readonly recursiveMatch: boolean };
  /** What is told of them besides. */
  readonly tell: { readonly subscribed: boolean; readonly status: readonly StatusItem[] };
}

export function readListArguments(decoder: Decoder): ListArguments {
  const selection = new Set<string>();
  const hasSelection = decoder.peek() === '(';
  if (hasSelection) {
    for (const option of decoder.list(() => decoder.word())) selection.add(known(option, selectionOptions));
    decoder.sp();
  }
  if (selection.has('RECURSIVEMATCH') && selection.size === (selection.has('REMOTE') ? 2 : 1))
    throw new SyntaxProblem('RECURSIVEMATCH cannot be the only selection option');
  const reference = decoder.astring();
  decoder.sp();
  const hasPatterns = decoder.peek() === '(';
  const patterns = hasPatterns ? decoder.list(() => decoder.listMailbox()) : [decoder.listMailbox()];
  const returned = new Set<string>();
  let status: readonly StatusItem[] = [];
  const hasReturn = decoder.maybeSp();
  if (hasReturn) {
    if (decoder.word() !== 'RETURN') throw new SyntaxProblem('RETURN is expected');
    decoder.sp();
    decoder.list(() => {
      const option = known(decoder.word(), returnOptions);
      returned.add(option);
      if (option !== 'STATUS') return;
      decoder.sp();
      status = readStatusItems(decoder);
    });
  }
  decoder.end();
  return {
    reference,
    patterns,
    isExtended: hasSelection || hasPatterns || hasReturn,
    select: {
      subscribed: selection.has('SUBSCRIBED'),
      specialUse: selection.has('SPECIAL-USE'),
      recursiveMatch: selection.has('RECURSIVEMATCH'),
    },
    tell: { subscribed: selection.has('SUBSCRIBED') || returned.has('SUBSCRIBED'), status },
  };
}

const selectionOptions: ReadonlySet<string> = new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']);
const returnOptions: ReadonlySet<string> = new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE', 'STATUS']);

function known(option: string, options: ReadonlySet<string>): string {
  if (!options.has(option)) throw new SyntaxProblem(`Unknown option ${option}`);
  return option;
}
