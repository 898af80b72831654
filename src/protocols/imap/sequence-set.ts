// Sets of sequence numbers or UIDs (RFC 9051 9, `sequence-set`).
//
//   1,3:5,7:*      ranges in any order, overlapping or not; `*` is the greatest number in use; `*:4` is `4:*`
//   $              the result that SEARCH RETURN (SAVE) kept (RFC 5182)
//
// Numbers are 1 to 4294967295; 0 is an error. As a mailbox has it, a set is sorted ranges that do not touch.

/** `Infinity` stands for `*`. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

export type SequenceSet = readonly NumberRange[] | 'saved';

const greatest = 0xffffffff;
/** A set of more ranges is only an attack. */
const mostRanges = 100_000;

/** @returns undefined when it is none */
export function parseSequenceSet(text: string): SequenceSet | undefined {
  if (text === '$') return 'saved';
  const ranges: NumberRange[] = [];
  for (const part of text.split(',')) {
    const range = parseRange(part);
    if (range === undefined || ranges.length >= mostRanges) return undefined;
    ranges.push(range);
  }
  return ranges;
}

function parseRange(text: string): NumberRange | undefined {
  const found = /^(\*|\d{1,10})(?::(\*|\d{1,10}))?$/.exec(text);
  if (found === null) return undefined;
  const first = numberOf(found[1]);
  const last = found[2] === undefined ? first : numberOf(found[2]);
  const isValid = [first, last].every(
    (number) => number === Number.POSITIVE_INFINITY || (number >= 1 && number <= greatest),
  );
  return isValid ? { first, last } : undefined;
}

function numberOf(text: string | undefined): number {
  return text === '*' ? Number.POSITIVE_INFINITY : Number(text);
}

/**
 * Sorted ranges that do not touch.
 * @param greatestInUse what `*` means; 0 in an empty mailbox, where it means nothing
 */
export function resolveRanges(ranges: readonly NumberRange[], greatestInUse: number): NumberRange[] {
  const star = (number: number): number => (number === Number.POSITIVE_INFINITY ? greatestInUse : number);
  const known = ranges
    .map(({ first, last }) => ({ first: Math.min(star(first), star(last)), last: Math.max(star(first), star(last)) }))
    .filter(({ last }) => last > 0)
    .sort((a, b) => a.first - b.first);
  const merged: NumberRange[] = [];
  for (const range of known) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}

/** Whether sorted ranges hold a number. */
export function includesNumber(ranges: readonly NumberRange[], number: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle] as NumberRange;
    if (number < range.first) high = middle - 1;
    else if (number > range.last) low = middle + 1;
    else return true;
  }
  return false;
}

/** `1:3,5` of numbers in their order; only neighbours that rise by one make a range, so the order stays that of the numbers. */
export function formatNumbers(numbers: Iterable<number>): string {
  const parts: string[] = [];
  let first: number | undefined;
  let last = 0;
  const end = (): void => {
    if (first !== undefined) parts.push(first === last ? `${first}` : `${first}:${last}`);
  };
  for (const number of numbers) {
    if (first !== undefined && number === last + 1) last = number;
    else {
      end();
      first = number;
      last = number;
    }
  }
  end();
  return parts.join(',');
}

/** `1:3,5` of ranges. */
export function formatRanges(ranges: readonly NumberRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
}
