// Which messages of the selected mailbox a set of numbers names (RFC 9051 9, `sequence-set`; `$` of RFC 5182).

import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import {
  includesNumber,
  type NumberRange,
  parseSequenceSet,
  resolveRanges,
  type SequenceSet,
} from '../../../protocols/imap/sequence-set.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import type { Selected } from '../command.js';

/** @throws SyntaxProblem */
export function readMessageSet(decoder: Decoder): SequenceSet {
  const set = parseSequenceSet(decoder.sequenceText());
  if (set === undefined) throw new SyntaxProblem('Invalid messageset');
  return set;
}

/**
 * The sequence numbers of the messages, ascending. UIDs that no message has are passed over.
 * @throws SyntaxProblem for a sequence number that there is not
 */
export function sequencesOf({ view, savedUids }: Selected, set: SequenceSet, isUid: boolean): number[] {
  if (set === 'saved') return savedUids.map((uid) => view.sequenceOf(uid)).filter((sequence) => sequence > 0);
  if (!isUid) {
    const ranges = resolveRanges(set, view.count);
    if (ranges.length === 0 || (ranges.at(-1)?.last ?? 0) > view.count) throw new SyntaxProblem('Invalid messageset');
    return numbersIn(ranges);
  }
  return sequencesOfUids(view, uidRangesOf(view, set));
}

/** What a set of UIDs means: `*` is the last UID. */
export function uidRangesOf(view: MailboxView, set: readonly NumberRange[]): NumberRange[] {
  return resolveRanges(set, view.uids.at(-1) ?? 0);
}

/** Of messages whose UID is in one of the ranges (ascending, not touching). */
export function sequencesOfUids(view: MailboxView, ranges: readonly NumberRange[]): number[] {
  const { uids } = view;
  const sequences: number[] = [];
  for (const { first, last } of ranges) {
    for (let index = firstFrom(uids, first); index < uids.length && (uids[index] ?? 0) <= last; index++)
      sequences.push(index + 1);
  }
  return sequences;
}

/** Whether a message is among those that a set names. Numbers that there are not name nothing: for SEARCH. */
export function membershipOf(
  { view, savedUids }: Selected,
  set: SequenceSet,
  isUid: boolean,
): (sequence: number) => boolean {
  if (set === 'saved') {
    const saved = new Set(savedUids);
    return (sequence) => saved.has(view.uids[sequence - 1] ?? 0);
  }
  const ranges = isUid ? uidRangesOf(view, set) : resolveRanges(set, view.count);
  return (sequence) => includesNumber(ranges, isUid ? (view.uids[sequence - 1] ?? 0) : sequence);
}

function numbersIn(ranges: readonly NumberRange[]): number[] {
  const numbers: number[] = [];
  for (const { first, last } of ranges) for (let number = first; number <= last; number++) numbers.push(number);
  return numbers;
}

function firstFrom(uids: Uint32Array, uid: number): number {
  let [low, high] = [0, uids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((uids[middle] ?? 0) < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
