// Two names with one base in new/ and cur/, of which only one can be the message (formats/dovecot.md 1.7).
//
//   the first is not there any more        it was moved while the directories were read: the second is the message
//   the second is not there any more       likewise
//   both are one file                      the first is the message; the second name is removed once it is 30 seconds old
//   they are two files                     the second gets a new name in new/, with its sizes, and becomes a message of its own

import fs from 'node:fs';
import { bytesPath, fileTrouble } from '../../../../files/read.js';
import { mailboxFiles } from '../../../../layout.js';
import { bitsOfPlace, type MessageTable, type RowPlace } from '../message-table.js';
import type { Comparison, MovedRow } from './name-comparison.js';

const settledMs = 30_000;

export interface ResolveDoubles {
  readonly directory: string;
  readonly table: MessageTable;
  uidOf(base: string): number | undefined;
  /** A new unique name, with what follows the first comma of the old one. */
  newName(base: string): string;
}

/** The comparison with every base once. Under the lock. @throws TemporaryError */
export function resolveDoubles(comparison: Comparison, options: ResolveDoubles): Comparison {
  if (comparison.doubles.length === 0) return comparison;
  const moved = new Map(comparison.moved.map((row) => [row.index, row]));
  const listed = new Map(comparison.listed.map((row) => [row.base, row]));
  const unlisted = new Map(comparison.unlisted.map((place) => [place.base, place]));
  try {
    for (const second of comparison.doubles) {
      const uid = options.uidOf(second.base);
      const index = uid === undefined ? -1 : options.table.indexOf(uid);
      const appeared = listed.get(second.base) ?? unlisted.get(second.base);
      const first = index < 0 ? appeared : placeOf(options.table, index, moved.get(index));
      if (first === undefined) continue;
      const kept = resolve(first, second, options);
      if (kept === first) continue;
      if (index < 0 && uid !== undefined) listed.set(kept.base, { ...kept, uid });
      else if (index < 0) unlisted.set(kept.base, kept);
      else moved.set(index, { index, isNew: kept.isNew, info: kept.info, bits: bitsOfPlace(kept.info, kept.isNew) });
    }
  } catch (error) {
    throw fileTrouble(error);
  }
  const compared = { moved: [...moved.values()], listed: [...listed.values()], unlisted: [...unlisted.values()] };
  return { ...compared, gone: comparison.gone, doubles: [] };
}

function placeOf(table: MessageTable, index: number, moved: MovedRow | undefined): RowPlace {
  const { isNew, info } = moved ?? { isNew: table.isNewAt(index), info: table.infoAt(index) };
  return { base: table.baseAt(index), isNew, info };
}

function resolve(first: RowPlace, second: RowPlace, { directory, newName }: ResolveDoubles): RowPlace {
  const path = (place: RowPlace): string | Buffer => bytesPath(pathOfPlace(directory, place));
  const [a, b] = [first, second].map((place) => fs.lstatSync(path(place), { throwIfNoEntry: false }));
  if (a === undefined) return second;
  if (b === undefined) return first;
  if (a.ino !== b.ino || a.dev !== b.dev) {
    fs.renameSync(path(second), bytesPath(mailboxFiles.message(directory, 'new', newName(second.base))));
  } else if (b.nlink > 1 && b.ctimeMs < Date.now() - settledMs) fs.unlinkSync(path(second));
  return first;
}

/** The path of a message's file (Latin-1). */
export function pathOfPlace(directory: string, { base, info, isNew }: RowPlace): string {
  return mailboxFiles.message(directory, isNew ? 'new' : 'cur', info === '' ? base : `${base}:${info}`);
}
