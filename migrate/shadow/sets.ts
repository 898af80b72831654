// What two lists of names have not in common, in a few words.

const mostShown = 5;

/** undefined when both have the same. */
export function setDifference(
  old: Iterable<string | number>,
  ours: Iterable<string | number>,
): { old: string; new: string } | undefined {
  const [before, now] = [new Set(old), new Set(ours)];
  const gone = [...before].filter((each) => !now.has(each));
  const added = [...now].filter((each) => !before.has(each));
  return gone.length === 0 && added.length === 0 ? undefined : { old: only(gone), new: only(added) };
}

function only(names: readonly (string | number)[]): string {
  if (names.length === 0) return 'no others';
  const more = names.length > mostShown ? ` and ${names.length - mostShown} more` : '';
  return `alone has ${names.slice(0, mostShown).join(' ')}${more}`;
}
