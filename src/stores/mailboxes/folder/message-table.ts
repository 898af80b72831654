// The messages of one mailbox in memory, by rising UID: columns, since a mailbox may have a million. About 100 bytes a message, most of it the name.
//
// A row's index is its place; it changes when rows before it go, and then `generation` does. Columns are only added to or replaced as a whole, so an array of UIDs that somebody
// took stays right for whoever took it.

import { bitsOfInfo, flagBits } from '../../../formats/mailbox/message-flags.js';

/** Where a message's file is: new/ or cur/, and what stands behind the first colon of its name ('' without a colon; then there is none). */
export interface RowPlace {
  readonly base: string;
  readonly info: string;
  readonly isNew: boolean;
}

/** A message that has no mod-sequence yet. */
export interface NewRow extends RowPlace {
  readonly uid: number;
}

/** The bits of a file's flags. @param info what stands behind the first colon of its name */
export function bitsOfPlace(info: string, isNew: boolean): number {
  return isNew ? 0 : bitsOfInfo(info);
}

interface NumberedRow extends NewRow {
  readonly modSeq: number;
}

export class MessageTable {
  #count = 0;
  #uids = new Uint32Array(0);
  #bits = new Int32Array(0);
  #modSeqs = new Float64Array(0);
  #isNew = new Uint8Array(0);
  #bases: string[] = [];
  #infos: string[] = [];
  #newCount = 0;
  /** All rows before this one have \Seen. */
  #seenBefore = 0;
  /** Another number whenever rows went or came in between. */
  generation = 0;

  get count(): number {
    return this.#count;
  }

  /** How many are in new/. */
  get newCount(): number {
    return this.#newCount;
  }

  /** The UIDs, rising. Stays as it is when the table changes. */
  get uids(): Uint32Array {
    return this.#uids.subarray(0, this.#count);
  }

  get lastUid(): number {
    return this.#count === 0 ? 0 : (this.#uids[this.#count - 1] ?? 0);
  }

  /** The row of a UID; -1 when there is none. */
  indexOf(uid: number): number {
    return indexIn(this.#uids, this.#count, uid);
  }

  /** The first row with this UID or a higher one; `count` when there is none. */
  firstFrom(uid: number): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#uids[middle] ?? 0) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  uidAt(index: number): number {
    return this.#uids[index] ?? 0;
  }

  bitsAt(index: number): number {
    return this.#bits[index] ?? 0;
  }

  modSeqAt(index: number): number {
    return this.#modSeqs[index] ?? 0;
  }

  isNewAt(index: number): boolean {
    return this.#isNew[index] === 1;
  }

  baseAt(index: number): string {
    return this.#bases[index] ?? '';
  }

  infoAt(index: number): string {
    return this.#infos[index] ?? '';
  }

  /** File name of a row. */
  nameAt(index: number): string {
    const info = this.infoAt(index);
    return info === '' ? this.baseAt(index) : `${this.baseAt(index)}:${info}`;
  }

  placeAt(index: number): RowPlace {
    return { base: this.baseAt(index), info: this.infoAt(index), isNew: this.isNewAt(index) };
  }

  /** Where a message is now, and what flags that gives it. */
  setPlace(index: number, isNew: boolean, info: string, bits: number): void {
    this.#newCount += (isNew ? 1 : 0) - (this.#isNew[index] ?? 0);
    this.#isNew[index] = isNew ? 1 : 0;
    this.#infos[index] = info;
    this.#bits[index] = bits;
    if ((bits & flagBits.seen) === 0) this.#seenBefore = Math.min(this.#seenBefore, index);
  }

  setModSeq(index: number, modSeq: number): void {
    this.#modSeqs[index] = modSeq;
  }

  /** The first row without \Seen; `count` when there is none. */
  get firstUnseen(): number {
    while (this.#seenBefore < this.#count && ((this.#bits[this.#seenBefore] ?? 0) & flagBits.seen) !== 0)
      this.#seenBefore++;
    return this.#seenBefore;
  }

  /** The bits that any message has. */
  get usedBits(): number {
    let used = 0;
    for (let index = 0; index < this.#count; index++) used |= this.#bits[index] ?? 0;
    return used;
  }

  /** Adds messages with UIDs that follow each other, the first above all that are there. */
  append(places: readonly RowPlace[], firstUid: number): void {
    this.#makeRoom(this.#count + places.length);
    let uid = firstUid;
    for (const place of places) this.#put(uid++, place);
  }

  /** Adds messages. @param rows by rising UID; those above all that are there are cheap @returns the first row that may be one of them */
  add(rows: readonly NewRow[]): number {
    if (rows.length > 0 && (rows[0]?.uid ?? 0) <= this.lastUid) {
      this.#merge(rows);
      return 0;
    }
    const first = this.#count;
    this.#makeRoom(first + rows.length);
    for (const row of rows) this.#put(row.uid, row);
    return first;
  }

  /** Removes rows. @param indexes rising */
  remove(indexes: readonly number[]): void {
    if (indexes.length === 0) return;
    for (const index of indexes) if (this.isNewAt(index)) this.#newCount--;
    const kept = runsBetween(indexes, this.#count);
    const count = this.#count - indexes.length;
    const without = <T extends Column>(column: T, shorter: T): T => {
      let at = 0;
      for (const [from, to] of kept) {
        shorter.set(column.subarray(from, to), at);
        at += to - from;
      }
      return shorter;
    };
    const capacity = count + 8;
    this.#uids = without(this.#uids, new Uint32Array(capacity));
    this.#bits = without(this.#bits, new Int32Array(capacity));
    this.#modSeqs = without(this.#modSeqs, new Float64Array(capacity));
    this.#isNew = without(this.#isNew, new Uint8Array(capacity));
    this.#bases = textsWithout(this.#bases, indexes, kept);
    this.#infos = textsWithout(this.#infos, indexes, kept);
    this.#count = count;
    this.#seenBefore = 0;
    this.generation++;
  }

  /** Forgets all messages. */
  clear(): void {
    this.#rebuild([]);
  }

  #merge(rows: readonly NewRow[]): void {
    const all: NumberedRow[] = rows.map((row) => ({ ...row, modSeq: 0 }));
    for (let index = 0; index < this.#count; index++) all.push(this.#rowAt(index));
    this.#rebuild(all.sort((a, b) => a.uid - b.uid));
  }

  #rebuild(rows: readonly NumberedRow[]): void {
    this.#count = 0;
    this.#newCount = 0;
    this.#seenBefore = 0;
    this.generation++;
    // New columns: somebody may have taken the old ones.
    this.#uids = new Uint32Array(rows.length);
    this.#bits = new Int32Array(rows.length);
    this.#modSeqs = new Float64Array(rows.length);
    this.#isNew = new Uint8Array(rows.length);
    this.#bases = [];
    this.#infos = [];
    for (const row of rows) {
      this.setModSeq(this.#count, row.modSeq);
      this.#put(row.uid, row);
    }
  }

  #rowAt(index: number): NumberedRow {
    return { ...this.placeAt(index), uid: this.uidAt(index), modSeq: this.modSeqAt(index) };
  }

  /** Adds a row at the end, where there is room. */
  #put(uid: number, { base, info, isNew }: RowPlace): void {
    const index = this.#count++;
    this.#uids[index] = uid;
    this.#bits[index] = bitsOfPlace(info, isNew);
    this.#isNew[index] = isNew ? 1 : 0;
    if (isNew) this.#newCount++;
    this.#bases[index] = base;
    this.#infos[index] = info;
  }

  #makeRoom(count: number): void {
    if (count <= this.#uids.length) return;
    // A mailbox that grows one by one does so cheaply; one that is read for the first time gets what it needs.
    const capacity = this.#count === 0 ? count + 8 : Math.max(count, Math.ceil(this.#count * 1.25) + 8);
    const grown = <T extends Column>(column: T, larger: T): T => {
      larger.set(column);
      return larger;
    };
    this.#uids = grown(this.#uids, new Uint32Array(capacity));
    this.#bits = grown(this.#bits, new Int32Array(capacity));
    this.#modSeqs = grown(this.#modSeqs, new Float64Array(capacity));
    this.#isNew = grown(this.#isNew, new Uint8Array(capacity));
  }
}

interface Column {
  set(from: this, at?: number): void;
  subarray(from: number, to: number): this;
}

/** What is left of 0 up to `count` without some numbers, as [from, to). */
function runsBetween(without: readonly number[], count: number): [number, number][] {
  const runs: [number, number][] = [];
  let from = 0;
  for (const index of without) {
    if (index > from) runs.push([from, index]);
    from = index + 1;
  }
  if (from < count) runs.push([from, count]);
  return runs;
}

/** A few are taken out where they stand; of many, what is left is copied. */
function textsWithout(texts: string[], indexes: readonly number[], kept: readonly [number, number][]): string[] {
  if (indexes.length <= 16) {
    for (const index of indexes.toReversed()) texts.splice(index, 1);
    return texts;
  }
  const left: string[] = [];
  for (const [from, to] of kept) for (let index = from; index < to; index++) left.push(texts[index] ?? '');
  return left;
}

/** Where a number is among the first `count` of rising ones; -1 when it is not. */
export function indexIn(numbers: Uint32Array, count: number, number: number): number {
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = numbers[middle] ?? 0;
    if (found === number) return middle;
    if (found < number) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
