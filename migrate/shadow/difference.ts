// What one server answers and the other does not.

export interface Difference {
  /** As the command line has it, such as `pop3s`. */
  readonly protocol: string;
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

/** Where one thing would be told many times, so many are told; of what nobody would notice, one. */
const mostOfAKind = 20;

/** The lines, those that only differ in the message shortened to a number. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const untold = new Map<string, number>();
  const counts = new Map<string, number>();
  const lines: string[] = [];
  for (const difference of differences) {
    const { protocol, subject, what, isNoticed } = difference;
    const kind = `${isNoticed ? '' : 'note: '}${protocol} ${subject}: ${what.replace(/^.*: /, '')}`;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count <= (isNoticed ? mostOfAKind : 1)) lines.push(differenceText(difference));
    else untold.set(kind, (untold.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of untold) lines.push(`${kind}: and ${count} more, which --json tells`);
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
