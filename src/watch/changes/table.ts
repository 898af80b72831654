// Many names with a few numbers each, kept small and compared quickly: what a domain's accounts and aliases were at the last look. A row is a name and a fixed number of 32-bit columns,
// whose meaning is the caller's: a hash, a flag word, the number of a text. Rows are in the order of their names' bytes.
//
//   memory: 4 bytes for each column, 4 for the name's place and the name itself; an account (6 columns, a name of 10 bytes) takes 38 bytes
//
// Of rows with the same name the first one added counts, as in a cdb.

/** A finished table. */
export class Table {
  readonly columns: number;
  readonly size: number;
  readonly #cells: Uint32Array;
  readonly #names: Buffer;

  /** @param cells for each row the end of its name, then its columns */
  constructor(columns: number, cells: Uint32Array, names: Buffer) {
    this.columns = columns;
    this.size = cells.length / (columns + 1);
    this.#cells = cells;
    this.#names = names;
  }

  /** The name of a row, Latin-1. */
  nameOf(row: number): string {
    return this.#names.toString('latin1', this.#startOf(row), this.#endOf(row));
  }

  cell(row: number, column: number): number {
    return this.#cells[row * (this.columns + 1) + 1 + column] ?? 0;
  }

  /** The row with this name; undefined when there is none. */
  find(name: Buffer): number | undefined {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = name.compare(this.#names, this.#startOf(middle), this.#endOf(middle));
      if (order === 0) return middle;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return undefined;
  }

  /** How the name of a row stands to that of a row of another table: less than, equal to, or more than 0. */
  compareNames(row: number, other: Table, otherRow: number): number {
    const [start, end] = [this.#startOf(row), this.#endOf(row)];
    return compareBytes(this.#names, start, end, other.#names, other.#startOf(otherRow), other.#endOf(otherRow));
  }

  hasSameCells(row: number, other: Table, otherRow: number): boolean {
    for (let column = 0; column < this.columns; column++)
      if (this.cell(row, column) !== other.cell(otherRow, column)) return false;
    return true;
  }

  /** The same table with these rows in the place of its own from `start` to before `end`; undefined when names would no longer be in order. */
  withRows(start: number, end: number, rows: Table): Table | undefined {
    const isBehind = start === 0 || rows.size === 0 || this.compareNames(start - 1, rows, 0) < 0;
    const isBefore = end === this.size || rows.size === 0 || this.compareNames(end, rows, rows.size - 1) > 0;
    if (!isBehind || !isBefore) return undefined;
    const [namesStart, namesEnd] = [this.#startOf(start), this.#startOf(end)];
    const names = Buffer.allocUnsafeSlow(this.#names.length - (namesEnd - namesStart) + rows.#names.length);
    this.#names.copy(names, 0, 0, namesStart);
    rows.#names.copy(names, namesStart);
    this.#names.copy(names, namesStart + rows.#names.length, namesEnd);
    const width = this.columns + 1;
    const cells = new Uint32Array((this.size - (end - start) + rows.size) * width);
    cells.set(this.#cells.subarray(0, start * width));
    cells.set(rows.#cells, start * width);
    cells.set(this.#cells.subarray(end * width), (start + rows.size) * width);
    const movedBy = namesStart + rows.#names.length - namesEnd;
    for (let row = start; row < start + rows.size; row++) addTo(cells, row * width, namesStart);
    for (let row = start + rows.size; row * width < cells.length; row++) addTo(cells, row * width, movedBy);
    return new Table(this.columns, cells, names);
  }

  /** Memory that the rows take. */
  get bytes(): number {
    return this.#cells.byteLength + this.#names.length;
  }

  #startOf(row: number): number {
    return row === 0 ? 0 : this.#endOf(row - 1);
  }

  #endOf(row: number): number {
    return this.#cells[row * (this.columns + 1)] ?? 0;
  }
}

/** Collects rows in any order. */
export class TableBuilder {
  readonly #columns: number;
  #cells: Uint32Array;
  #names: Buffer;
  #rows = 0;
  #namesEnd = 0;
  #isSorted = true;
  #lastNameAt = 0;

  /** @param expected rows, about */
  constructor(columns: number, expected = 16) {
    this.#columns = columns;
    this.#cells = new Uint32Array(expected * (columns + 1));
    this.#names = Buffer.allocUnsafeSlow(expected * 12);
  }

  /** Adds a row whose name stands in this part of `bytes`. */
  add(bytes: Buffer, start: number, end: number, cells: readonly number[]): void {
    const width = this.#columns + 1;
    const length = end - start;
    if ((this.#rows + 1) * width > this.#cells.length) this.#cells = grown(this.#cells, (this.#rows + 1) * width);
    if (this.#namesEnd + length > this.#names.length) this.#names = grownBuffer(this.#names, this.#namesEnd + length);
    if (this.#rows > 0 && compareBytes(bytes, start, end, this.#names, this.#lastNameAt, this.#namesEnd) <= 0)
      this.#isSorted = false;
    this.#lastNameAt = this.#namesEnd;
    for (let at = 0; at < length; at++) this.#names[this.#namesEnd + at] = bytes[start + at] as number;
    this.#namesEnd += length;
    const at = this.#rows * width;
    this.#cells[at] = this.#namesEnd;
    for (let column = 0; column < this.#columns; column++) this.#cells[at + 1 + column] = cells[column] ?? 0;
    this.#rows++;
  }

  /** Whether rows were added in the order of their names, each name once: row by row they are then those of the finished table. */
  get isInOrder(): boolean {
    return this.#isSorted;
  }

  finish(): Table {
    const cells = this.#cells.slice(0, this.#rows * (this.#columns + 1));
    const names = Buffer.allocUnsafeSlow(this.#namesEnd);
    this.#names.copy(names, 0, 0, this.#namesEnd);
    const table = new Table(this.#columns, cells, names);
    return this.#isSorted ? table : sorted(table);
  }
}

/** A table without rows. */
export function emptyTable(columns: number): Table {
  return new Table(columns, new Uint32Array(0), Buffer.alloc(0));
}

/** A name whose row is another one now; a row number is undefined where the table has no such name. */
export interface RowDifference {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** After so many rows a walk gives its caller the chance to let others have their turn. */
const rowsInARow = 4096;

/** Rows that two tables are known to have in common, at their beginning and at their end. */
export interface CommonRows {
  readonly first: number;
  readonly last: number;
}

/**
 * Walks through two tables and gives the rows that differ, in the order of names; now and then undefined, where the caller may pause.
 * @param common rows that need no look
 */
export function* differingRows(
  before: Table,
  after: Table,
  common: CommonRows = { first: 0, last: 0 },
): Generator<RowDifference | undefined> {
  let [b, a] = [common.first, common.first];
  const [bEnd, aEnd] = [before.size - common.last, after.size - common.last];
  for (let steps = 1; b < bEnd || a < aEnd; steps++) {
    if (steps % rowsInARow === 0) yield undefined;
    const order = b >= bEnd ? 1 : a >= aEnd ? -1 : before.compareNames(b, after, a);
    if (order < 0) yield { before: b++, after: undefined };
    else if (order > 0) yield { before: undefined, after: a++ };
    else {
      if (!before.hasSameCells(b, after, a)) yield { before: b, after: a };
      b++;
      a++;
    }
  }
}

/** The same rows by name, each name once. */
function sorted(table: Table): Table {
  const order = Array.from({ length: table.size }, (_, row) => row);
  // Rows with equal names stay in their order, so that the first one counts below.
  order.sort((a, b) => table.compareNames(a, table, b) || a - b);
  const builder = new TableBuilder(table.columns, table.size);
  let last: number | undefined;
  for (const row of order) {
    if (last !== undefined && table.compareNames(last, table, row) === 0) continue;
    last = row;
    const cells = Array.from({ length: table.columns }, (_, column) => table.cell(row, column));
    const name = Buffer.from(table.nameOf(row), 'latin1');
    builder.add(name, 0, name.length, cells);
  }
  return builder.finish();
}

/** As Buffer.compare; names are short, and a call into the system's library costs more than it saves. */
function compareBytes(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart);
  for (let at = 0; at < length; at++) {
    const difference = (a[aStart + at] as number) - (b[bStart + at] as number);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

function addTo(cells: Uint32Array, at: number, number: number): void {
  cells[at] = (cells[at] as number) + number;
}

function grown(numbers: Uint32Array, least: number): Uint32Array {
  const larger = new Uint32Array(Math.max(least, numbers.length * 2));
  larger.set(numbers);
  return larger;
}

function grownBuffer(bytes: Buffer, least: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(least, bytes.length * 2));
  bytes.copy(larger);
  return larger;
}
