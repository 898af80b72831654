// What one server answers and the other does not.

import type { AskedProtocol } from '../clients/server-address.js';

export interface Difference {
  readonly protocol: AskedProtocol;
  /** An account, with its folder where there is one, or a recipient. */
  readonly subject: string;
  /** What was asked for, such as `UID 7: size`. */
  readonly what: string;
  readonly old: string;
  readonly new: string;
  /** Why, and what to do, where that is known. */
  readonly cause?: string;
  /** Whether a client or a sender would notice. */
  readonly isNoticed: boolean;
}

/** Two answers of one kind; undefined where they are the same. */
export type Found = Omit<Difference, 'protocol' | 'subject'>;

function differenceText({ protocol, subject, what, old, new: ours, cause, isNoticed }: Difference): string {
  const line = `${isNoticed ? '' : 'note: '}${protocol} ${subject}: ${what}: old ${old}, new ${ours}${cause === undefined ? '' : ` (${cause})`}`;
  return line.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}

/** One line unless both servers let the account in. */
export function compareLogins(isIn: boolean, isInOurs: boolean, old: string, ours: string): Found | undefined {
  if (isIn && isInOurs) return undefined;
  const isNoticed = isIn !== isInOurs;
  const cause = isNoticed ? 'see the log of the one that refuses' : 'neither lets it in, so nothing is compared';
  return { what: 'login', old, new: ours, cause, isNoticed };
}

/** Where one thing would be told many times, so many are told. */
const mostOfAKind = 20;

/** The lines, those that only differ in the message shortened to a number. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const kinds = new Map<string, number>();
  const lines: string[] = [];
  for (const difference of differences) {
    const kind = `${difference.protocol} ${difference.subject}: ${difference.what.replace(/^.*: /, '')}`;
    const count = (kinds.get(kind) ?? 0) + 1;
    kinds.set(kind, count);
    if (count <= mostOfAKind) lines.push(differenceText(difference));
  }
  for (const [kind, count] of kinds)
    if (count > mostOfAKind) lines.push(`${kind}: and ${count - mostOfAKind} more, which --json tells`);
  return lines;
}

/** What is known to differ, by words of `what`, is no news. */
export function withoutKnown(differences: readonly Difference[], known: readonly string[]): Difference[] {
  return differences.map((difference) =>
    known.some((words) => difference.what.includes(words)) ? { ...difference, isNoticed: false } : difference,
  );
}

/**
 * The differences that are there twice: the host is in use, and between the look at one server and the look at the other mail comes and is read.
 * @param compare looks at both servers
 */
export async function lastingDifferences(compare: () => Promise<Difference[]>): Promise<Difference[]> {
  const first = await compare();
  // What nobody notices needs no second look.
  if (!first.some(({ isNoticed }) => isNoticed)) return first;
  const again = new Set((await compare()).map(keyOf));
  return first.filter((difference) => again.has(keyOf(difference)));
}

/** What cannot be compared stays so, whatever the reason is that time. */
function keyOf({ cause, ...difference }: Difference): string {
  return JSON.stringify(difference);
}
