// Looking at the `.qmail` files of a domain's directory (changes/aliases.ts has the table). Their names come from the directory where it may have changed, else from the last look;
// only files of another version are read.
//
//   file                                     counts as
//   a link into a mailing list's directory   what it leads to
//   absent, a dangling link, a directory     absent: qmail-local goes on to the next name
//   unreadable                               what it was; told as trouble

import { namesIn } from '../../files/list.js';
import { NotRegularFileError } from '../../files/read.js';
import { aliasColumns, isDotQmail } from '../changes/aliases.js';
import { hashBytes, multipliers } from '../changes/fingerprint.js';
import { emptyTable, type Table, TableBuilder } from '../changes/table.js';
import type { Turn } from '../pace.js';
import { markAt, readVersion, unsettled } from './version.js';

export interface AliasLook {
  readonly aliases: Table;
  /** Whether some file was changing: it is to be looked at again soon. */
  readonly isUnsettled: boolean;
  /** The latest change of a file that was read; 0: none was. */
  readonly changedMs: number;
  /** Why a file could not be read. */
  readonly trouble: unknown;
}

/** Which files to look at: all that the directory lists, all of the last look, or these. */
export type AliasChoice = 'listed' | 'known' | ReadonlySet<string>;

const programsForbidden = 0o100;

/** @throws TemporaryError when the directory cannot be listed */
export async function lookAtAliases(
  directory: string,
  before: Table = emptyTable(aliasColumns),
  choice: AliasChoice,
  turn: Turn,
): Promise<AliasLook> {
  const builder = new TableBuilder(aliasColumns, Math.max(2, before.size));
  const found = { isUnsettled: false, changedMs: 0, trouble: undefined as unknown };
  for (const name of namesOf(directory, before, choice)) {
    await turn();
    if (!isDotQmail(name)) continue;
    const bytes = Buffer.from(name, 'latin1');
    const row = before.find(bytes);
    const isOther = typeof choice === 'object' && !choice.has(name);
    const cells = isOther && row !== undefined ? cellsOf(before, row) : lookAtOne(directory, name, before, row, found);
    if (cells !== undefined) builder.add(bytes, 0, bytes.length, cells);
  }
  return { aliases: builder.finish(), ...found };
}

function* namesOf(directory: string, before: Table, choice: AliasChoice): Generator<string> {
  if (choice === 'listed') return yield* namesIn(directory);
  for (let row = 0; row < before.size; row++) yield before.nameOf(row);
  if (choice === 'known') return;
  for (const name of choice) if (before.find(Buffer.from(name, 'latin1')) === undefined) yield name;
}

/** The row of a file now; undefined when it is absent. */
function lookAtOne(
  directory: string,
  name: string,
  before: Table,
  row: number | undefined,
  found: { isUnsettled: boolean; changedMs: number; trouble: unknown },
): number[] | undefined {
  const path = `${directory}/${name}`;
  try {
    const mark = markAt(path);
    if (mark === undefined) return undefined;
    if (row !== undefined && mark === markIn(before, row)) return cellsOf(before, row);
    const version = readVersion(path);
    if (version === undefined) return undefined;
    found.isUnsettled ||= version.mark === unsettled;
    found.changedMs = Math.max(found.changedMs, version.ctimeMs);
    const { bytes } = version;
    const mode = version.mode & programsForbidden;
    const hashes = multipliers.map((multiplier) => hashBytes(bytes, 0, bytes.length, multiplier) ^ mode);
    return [...hashes, version.mark % 2 ** 32, Math.floor(version.mark / 2 ** 32)];
  } catch (error) {
    if (error instanceof Error && error.cause instanceof NotRegularFileError) return undefined;
    found.trouble ??= error;
    return row === undefined ? undefined : cellsOf(before, row);
  }
}

function markIn(table: Table, row: number): number {
  return table.cell(row, 3) * 2 ** 32 + table.cell(row, 2);
}

function cellsOf(table: Table, row: number): number[] {
  return Array.from({ length: table.columns }, (_, column) => table.cell(row, column));
}
