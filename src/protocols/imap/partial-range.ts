// The argument of PARTIAL (RFC 9394): a part of a result, from one place to another.
//
//   1:100       counted from 1
//   -1:-100     counted from the end
//
// What lies outside of the result is no part of it.

import { SyntaxProblem } from './decoder.js';

/** From one place to another in the order of the result: counted from 1, or from the end when both are negative. */
export interface PartialRange {
  readonly from: number;
  readonly to: number;
}

/** @throws SyntaxProblem */
export function parsePartialRange(text: string): PartialRange {
  const found = /^(?:([1-9]\d{0,9}):([1-9]\d{0,9})|-([1-9]\d{0,9}):-([1-9]\d{0,9}))$/.exec(text);
  if (found === null) throw new SyntaxProblem('PARTIAL range broken');
  const [one, other] =
    found[1] === undefined ? [-Number(found[3]), -Number(found[4])] : [Number(found[1]), Number(found[2])];
  return one <= other ? { from: one, to: other } : { from: other, to: one };
}

/** The part of a result. */
export function partOf(numbers: readonly number[], { from, to }: PartialRange): readonly number[] {
  if (from > 0) return numbers.slice(from - 1, to);
  return numbers.slice(from, to === -1 ? undefined : to + 1);
}
