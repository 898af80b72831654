// The entries of the list and map files with their line numbers, for findings that compare files with each other.

import { readIfPresent } from '../../files/read.js';
import { parseControlDocument } from '../../formats/controls/control-file.js';
import { lower } from '../../mail/address.js';

/** One entry. `key` is lower case; for a map `value` is what follows the first colon. */
export interface Entry {
  readonly line: number;
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * The entries of a control file in file order; none when it is absent.
 * @param isMap whether an entry is `key:value`; lines without a colon are left out then, as qmail does
 * @throws TemporaryError when the file cannot be read
 */
export function entriesOf(file: string, isMap = false): Entry[] {
  const bytes = readIfPresent(file);
  if (bytes === undefined) return [];
  const entries: Entry[] = [];
  for (const [index, { kind, entry }] of parseControlDocument(bytes).lines.entries()) {
    const colon = isMap ? entry.indexOf(':') : entry.length;
    if (kind !== 'entry' || colon < 0) continue;
    const value = isMap ? entry.slice(colon + 1) : undefined;
    entries.push({ line: index + 1, key: lower(entry.slice(0, colon)), value });
  }
  return entries;
}
