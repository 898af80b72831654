// The `.qmail` files of a domain's directory before and now: its aliases, forwards, mailing lists and robots, and `.qmail-default`, which decides about everybody else.
//
// A row of the table stands for one file: its name as in the directory, then
//
//   column 0, 1   fingerprint of its bytes and of the bit that forbids programs (mode 0100)
//   column 2, 3   mark of the version that was read (identity of the file); 0, 0: to be read again at the next look
//
// Only a content that differs is an event. In the name a `:` stands for a dot (formats/vpopmail.md 6.3).

import type { AliasEvent } from '../events.js';
import type { RowDifference, Table } from './table.js';

export const aliasColumns = 4;

/** Whether a name in a domain's directory is that of a `.qmail` file. */
export function isDotQmail(name: string): boolean {
  return name === '.qmail' || name.startsWith('.qmail-');
}

/** The event of one row that differs; undefined when only the version is another one. */
export function aliasEvent(
  domain: string,
  before: Table,
  after: Table,
  { before: b, after: a }: RowDifference,
): AliasEvent | undefined {
  const name = a !== undefined ? after.nameOf(a) : b !== undefined ? before.nameOf(b) : '';
  const alias = name.slice('.qmail-'.length).replaceAll(':', '.');
  if (b === undefined) return { event: 'alias changed', domain, alias, happened: 'added' };
  if (a === undefined) return { event: 'alias changed', domain, alias, happened: 'removed' };
  if (before.cell(b, 0) === after.cell(a, 0) && before.cell(b, 1) === after.cell(a, 1)) return undefined;
  return { event: 'alias changed', domain, alias, happened: 'changed' };
}
