// The names that were read from new/ and cur/, compared with the messages that are known: which are the same, which have other flags or another place, which are new, which are gone.
// Nothing is changed by it.
//
// New/ is read before cur/, so a message that is moved meanwhile is met twice rather than not at all. The same name before the colon twice is told as a double; which of the two is a message is for
// somebody to find out who looks at the files.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { bitsOfPlace, type MessageTable, type NewRow, type RowPlace } from '../message-table.js';

/** The names of one directory; undefined when it was not read. */
export interface ReadNames {
  readonly fresh: readonly string[] | undefined;
  readonly seen: readonly string[] | undefined;
}

export interface MovedRow {
  readonly index: number;
  readonly isNew: boolean;
  readonly info: string;
  readonly bits: number;
}

export interface Comparison {
  readonly moved: readonly MovedRow[];
  /** Files that are none of the messages that are known, with the UIDs that are recorded for them. */
  readonly listed: readonly NewRow[];
  /** Likewise, without one. */
  readonly unlisted: readonly RowPlace[];
  /** Indexes of rows whose file was not among the names, rising. */
  readonly gone: readonly number[];
  readonly doubles: readonly RowPlace[];
}

const namesInARow = 20_000;

/** @param uidOf the UID that is recorded for a base */
export async function compareNames(
  table: MessageTable,
  uidOf: (base: string) => number | undefined,
  names: ReadNames,
): Promise<Comparison> {
  const comparing = new Comparing(table, uidOf);
  for (const isNew of [true, false]) {
    const list = (isNew ? names.fresh : names.seen) ?? [];
    for (let start = 0; start < list.length; start += namesInARow) {
      if (start > 0) await nextTurn();
      const end = Math.min(list.length, start + namesInARow);
      for (let index = start; index < end; index++) comparing.meet(list[index] as string, isNew);
    }
  }
  return comparing.result({ fresh: names.fresh !== undefined, seen: names.seen !== undefined });
}

class Comparing {
  readonly #table: MessageTable;
  readonly #uidOf: (base: string) => number | undefined;
  readonly #met: Uint8Array;
  readonly #moved: MovedRow[] = [];
  readonly #listed: NewRow[] = [];
  readonly #unlisted: RowPlace[] = [];
  /** Bases of files that are no rows, once one has come that does not stand above the one before: in a directory that is read in the order of its names, each does. */
  #bases: Set<string> | undefined;
  #lastBase = '';
  readonly #doubles: RowPlace[] = [];
  /** Few infos occur, each very often. */
  readonly #infos = new Map<string, string>();
  #lastInfo = '';

  constructor(table: MessageTable, uidOf: (base: string) => number | undefined) {
    this.#table = table;
    this.#uidOf = uidOf;
    this.#met = new Uint8Array(table.count);
  }

  meet(name: string, isNew: boolean): void {
    const colon = name.indexOf(':');
    const base = colon < 0 ? name : name.slice(0, colon);
    const uid = this.#uidOf(base);
    const index = uid === undefined ? -1 : this.#table.indexOf(uid);
    if (index < 0) this.#appear(uid, base, this.#infoOf(name, colon), isNew);
    else if (this.#met[index] === 0) this.#meetRow(index, name, colon, isNew);
    else this.#doubles.push({ base, info: this.#infoOf(name, colon), isNew });
  }

  result(read: { readonly fresh: boolean; readonly seen: boolean }): Comparison {
    const gone: number[] = [];
    for (let index = 0; index < this.#met.length; index++) {
      const wasRead = this.#table.isNewAt(index) ? read.fresh : read.seen;
      if (this.#met[index] === 0 && wasRead) gone.push(index);
    }
    return { moved: this.#moved, listed: this.#listed, unlisted: this.#unlisted, gone, doubles: this.#doubles };
  }

  #meetRow(index: number, name: string, colon: number, isNew: boolean): void {
    this.#met[index] = 1;
    if (isInfo(this.#table.infoAt(index), name, colon) && this.#table.isNewAt(index) === isNew) return;
    const now = this.#infoOf(name, colon);
    this.#moved.push({ index, isNew, info: now, bits: bitsOfPlace(now, isNew) });
  }

  #appear(uid: number | undefined, base: string, info: string, isNew: boolean): void {
    if (!this.#isFirst(base)) this.#doubles.push({ base, info, isNew });
    else if (uid === undefined) this.#unlisted.push({ base, info, isNew });
    else this.#listed.push({ uid, base, info, isNew });
  }

  #isFirst(base: string): boolean {
    if (this.#bases === undefined && base > this.#lastBase) {
      this.#lastBase = base;
      return true;
    }
    this.#bases ??= new Set([...this.#listed, ...this.#unlisted].map((file) => file.base));
    return this.#bases.size < this.#bases.add(base).size;
  }

  /** What stands behind the first colon of a name; one string for all names with the same. */
  #infoOf(name: string, colon: number): string {
    if (isInfo(this.#lastInfo, name, colon)) return this.#lastInfo;
    const info = colon < 0 ? '' : name.slice(colon + 1);
    const known = this.#infos.get(info) ?? info;
    this.#infos.set(known, known);
    this.#lastInfo = known;
    return known;
  }
}

function isInfo(info: string, name: string, colon: number): boolean {
  if (info === '') return colon < 0;
  return colon >= 0 && name.length - colon - 1 === info.length && name.endsWith(info);
}
