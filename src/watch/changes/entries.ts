// Lists of texts before and now: the lines of a control file, access rules, address assignments. Order and repetition mean nothing here.

import { type EntryChanges, mostEntries } from '../events.js';

/** What came and what went; undefined when both lists say the same. */
export function entryChanges(before: Iterable<string>, after: Iterable<string>): EntryChanges | undefined {
  const [was, is] = [new Set(before), new Set(after)];
  const added = [...is].filter((entry) => !was.has(entry));
  const removed = [...was].filter((entry) => !is.has(entry));
  if (added.length === 0 && removed.length === 0) return undefined;
  const more = Math.max(0, added.length - mostEntries) + Math.max(0, removed.length - mostEntries);
  const shown = { added: added.slice(0, mostEntries), removed: removed.slice(0, mostEntries) };
  return more === 0 ? shown : { ...shown, more };
}
