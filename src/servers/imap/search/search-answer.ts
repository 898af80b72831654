// How results of SEARCH and SORT are told (RFC 9051 7.3.4, RFC 4731, 5182, 5267, 7162, 9394).
//
//   * SEARCH 2 84 882 (MODSEQ 917162500)
//   * SORT 84 2
//   * ESEARCH (TAG "a3") UID MIN 2 MAX 882 ALL 2,84,882 COUNT 3 MODSEQ 917162500
//   * ESEARCH (TAG "a4") UID PARTIAL (1:2 2,84)

import { type PartialRange, partOf } from '../../../protocols/imap/partial-range.js';
import { formatNumbers } from '../../../protocols/imap/sequence-set.js';
import { quotedOrLiteral } from '../../../protocols/imap/strings.js';
import type { SelectedSession } from '../command.js';
import type { ReturnOptions } from './search-arguments.js';

export interface SearchResult {
  readonly tag: string;
  readonly isUid: boolean;
  /** In the order of the answer. */
  readonly sequences: readonly number[];
  /** Whether mod-sequences were asked for. */
  readonly tellsModSeq: boolean;
}

/** `* SEARCH 1 2` or `* SORT 2 1`. */
export async function tellPlainResult(
  session: SelectedSession,
  name: 'SEARCH' | 'SORT',
  result: SearchResult,
): Promise<void> {
  const { output } = session;
  output.text(`* ${name}`);
  const numbers = numbersOf(session, result);
  for (let at = 0; at < numbers.length; at += numbersAtOnce) {
    output.text(` ${numbers.slice(at, at + numbersAtOnce).join(' ')}`);
    const pause = output.breathe();
    if (pause !== undefined) await pause;
  }
  if (result.tellsModSeq && numbers.length > 0) output.text(` (MODSEQ ${highestModSeq(session, result.sequences)})`);
  output.text('\r\n');
}

const numbersAtOnce = 5000;

/** `* ESEARCH ...`; nothing when only SAVE was asked for. Keeps the result for `$` if it was. */
export function tellExtendedResult(
  session: SelectedSession,
  { plain, partial }: ReturnOptions,
  result: SearchResult,
): void {
  const numbers = numbersOf(session, result);
  if (plain.has('SAVE')) save(session, plain, result);
  const items: string[] = [];
  const [first, last] = [numbers[0], numbers.at(-1)];
  if (plain.has('MIN') && first !== undefined) items.push(`MIN ${first}`);
  if (plain.has('MAX') && last !== undefined) items.push(`MAX ${last}`);
  if (plain.has('ALL') && first !== undefined) items.push(`ALL ${formatNumbers(numbers)}`);
  if (partial !== undefined)
    items.push(`PARTIAL (${partial.from}:${partial.to} ${formatNumbers(partOf(numbers, partial)) || 'NIL'})`);
  if (plain.has('COUNT')) items.push(`COUNT ${numbers.length}`);
  if (plain.size === 1 && plain.has('SAVE') && partial === undefined) return;
  if (result.tellsModSeq && first !== undefined)
    items.push(`MODSEQ ${highestModSeq(session, named(plain, partial, result.sequences))}`);
  const uid = result.isUid ? ' UID' : '';
  session.output.untagged(
    `ESEARCH (TAG ${quotedOrLiteral(result.tag)})${uid}${items.map((item) => ` ${item}`).join('')}`,
  );
}

function numbersOf({ selected }: SelectedSession, { isUid, sequences }: SearchResult): readonly number[] {
  return isUid ? sequences.map((sequence) => selected.view.uids[sequence - 1] ?? 0) : sequences;
}

/** RFC 5182 2.1: MIN and MAX alone save only what they name. */
function save({ selected }: SelectedSession, plain: ReturnOptions['plain'], { sequences }: SearchResult): void {
  const saved = named(plain, undefined, sequences);
  const uids = saved.map((sequence) => selected.view.uids[sequence - 1] ?? 0);
  selected.savedUids = [...new Set(uids)].sort((a, b) => a - b);
}

/** The messages that an answer names. RFC 7162 3.1.10: its mod-sequence is theirs. */
function named(
  plain: ReturnOptions['plain'],
  partial: PartialRange | undefined,
  sequences: readonly number[],
): readonly number[] {
  if (plain.has('ALL') || plain.has('COUNT') || (!plain.has('MIN') && !plain.has('MAX') && partial === undefined))
    return sequences;
  const ends = [...(plain.has('MIN') ? sequences.slice(0, 1) : []), ...(plain.has('MAX') ? sequences.slice(-1) : [])];
  return partial === undefined ? ends : [...ends, ...partOf(sequences, partial)];
}

function highestModSeq({ selected }: SelectedSession, sequences: readonly number[]): number {
  let highest = 0;
  for (const sequence of sequences) highest = Math.max(highest, selected.view.modSeqAt(sequence));
  return highest;
}
