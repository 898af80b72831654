// Sets of UIDs as rising ranges that do not touch, beside what protocols/imap/sequence-set.ts has for them.

import type { NumberRange } from '../../../protocols/imap/sequence-set.js';

/** The ranges of rising numbers. */
export function rangesOf(numbers: Iterable<number>): NumberRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && number === range.last + 1) range.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges;
}

/** What two sets have in common. */
export function commonRanges(a: readonly NumberRange[], b: readonly NumberRange[]): NumberRange[] {
  const common: NumberRange[] = [];
  let [i, j] = [0, 0];
  for (let x = a[i], y = b[j]; x !== undefined && y !== undefined; x = a[i], y = b[j]) {
    const [first, last] = [Math.max(x.first, y.first), Math.min(x.last, y.last)];
    if (first <= last) common.push({ first, last });
    if (x.last < y.last) i++;
    else j++;
  }
  return common;
}

/** The numbers from 1 up to `last` that are not among rising numbers. */
export function gapsOf(numbers: Uint32Array, last: number): NumberRange[] {
  const gaps: NumberRange[] = [];
  let next = 1;
  for (const number of numbers) {
    if (number > last) break;
    if (number > next) gaps.push({ first: next, last: number - 1 });
    next = number + 1;
  }
  if (next <= last) gaps.push({ first: next, last });
  return gaps;
}
