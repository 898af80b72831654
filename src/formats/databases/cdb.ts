// The constant database of D. J. Bernstein: a file of records with a hash index behind them, written once and then only read. qmail keeps
// users/cdb and control/morercpthosts.cdb in it, ucspi-tcp its compiled rules, vpopmail every vpasswd.cdb.
//
//   offset 0      256 pairs (position of a table, number of its slots)
//   offset 2048   records in the order they were added: key length, data length, key, data
//   then          256 tables of slots (hash, position of a record); a slot with position 0 is unused
//
// All numbers are unsigned, 32 bits, little-endian. There is no magic number and no checksum, so everything read is checked against the size
// of the file before it is used: a length or position that leaves it is a CorruptFileError, never a wrong answer of "not found".
// Keys may repeat; a reader that takes one answer takes the record that was added first.
// The maker's bytes are those of qmail-newu, qmail-newmrh, tcprules, cdbmake and tinycdb for the same records in the same order.
// Files of 4 GiB and more cannot be expressed and are refused. See formats/cdb-tcprules.md 1.

import { CorruptFileError, PermanentError } from '../../errors.js';

/** The bytes of a database: `read` gives `length` bytes from `offset` on, fewer only where the file ends. The reader keeps none of them. */
export interface CdbSource {
  readonly size: number;
  read(offset: number, length: number): Buffer;
}

/** One record; key and data are arbitrary bytes, either may be empty. */
export interface CdbRecord {
  readonly key: Buffer;
  readonly data: Buffer;
}

const headerBytes = 2048;
const largestFile = 0xffff_ffff;
/** Slots read at once: the load of a table is one half, so nearly every search ends within its first slots. */
const slotsAtOnce = 8;
/** Data bytes read together with a record's key, so that a small record costs one read. */
const dataAtOnce = 192;
const pieceBytes = 65536;

/** A whole database in memory as a source. */
export function bufferSource(bytes: Buffer): CdbSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The same source read in large pieces, for walking through a file from front to back. */
export function readAhead(source: CdbSource): CdbSource {
  let start = 0;
  let piece = source.read(0, Math.min(pieceBytes, source.size));
  const read = (offset: number, length: number): Buffer => {
    if (offset < start || offset + length > start + piece.length) {
      start = offset;
      piece = source.read(offset, Math.max(length, Math.min(pieceBytes, source.size - offset)));
    }
    return piece.subarray(offset - start, offset - start + length);
  };
  return { size: source.size, read };
}

/** The 32-bit hash of a key. A string stands for its Latin-1 bytes. */
export function cdbHash(key: Buffer | string): number {
  let hash = 5381;
  if (typeof key === 'string') {
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash, 33) ^ (key.charCodeAt(i) & 0xff);
  } else {
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash, 33) ^ (key[i] as number);
  }
  return hash >>> 0;
}

/**
 * The data of the first record with this key; undefined when there is none. Costs three short reads, whatever the size of the file.
 * @param path names the file in messages
 * @throws CorruptFileError where a table or record leaves the file, and where a table that should hold records is blank
 */
export function cdbFind(source: CdbSource, key: Buffer | string, path: string): Buffer | undefined {
  return search(source, key, path, undefined);
}

/** The data of every record with this key, in the order they were added. Otherwise as `cdbFind`. */
export function cdbFindAll(source: CdbSource, key: Buffer | string, path: string): Buffer[] {
  const all: Buffer[] = [];
  search(source, key, path, all);
  return all;
}

/** Goes through the slots of the key's table, each at most once. With `all` every match is put there, else the first is returned. */
function search(source: CdbSource, key: Buffer | string, path: string, all: Buffer[] | undefined): Buffer | undefined {
  const hash = cdbHash(key);
  const table = cdbTable(source, hash & 0xff, path);
  const first = table.slots === 0 ? 0 : (hash >>> 8) % table.slots;
  for (let tried = 0; tried < table.slots; ) {
    const slot = (first + tried) % table.slots;
    const count = Math.min(slotsAtOnce, table.slots - slot, table.slots - tried);
    const chunk = take(source, table.position + slot * 8, count * 8, path, 'a table');
    for (let at = 0; at < count; at++, tried++) {
      const record = chunk.readUInt32LE(at * 8 + 4);
      if (record === 0) return notBlank(source, table, chunk, path);
      if (chunk.readUInt32LE(at * 8) !== hash) continue;
      const data = dataIfKey(source, record, key, path);
      if (data === undefined) continue;
      if (all === undefined) return data;
      all.push(data);
    }
  }
  return undefined;
}

/**
 * "Not found" is believed only of a table that holds something. A file whose blocks never reached the disk before a crash reads as zeros, and must not
 * look like one without this key. The slots just read nearly always hold a record, so this costs nothing.
 */
function notBlank(source: CdbSource, table: CdbTable, read: Buffer, path: string): undefined {
  if (usedSlots(read) > 0) return undefined;
  for (const chunk of tableChunks(source, table, path)) if (usedSlots(chunk) > 0) return undefined;
  throw new CorruptFileError(path, table.position, `table ${table.number} has ${table.slots} slots and no record`);
}

/** One of the 256 tables, as the header has it; checked to lie within the file. */
export interface CdbTable {
  readonly number: number;
  readonly position: number;
  readonly slots: number;
}

/**
 * Reads a table's place from the header.
 * @param number 0 to 255
 * @throws CorruptFileError when it leaves the file. No maker gives an empty table another position than where it would stand, so a header of zeros is a
 * file that lost its bytes, not one without records.
 */
export function cdbTable(source: CdbSource, number: number, path: string): CdbTable {
  const pair = take(source, number * 8, 8, path, 'the header');
  const position = pair.readUInt32LE(0);
  const slots = pair.readUInt32LE(4);
  if (position >= headerBytes && position + slots * 8 <= source.size) return { number, position, slots };
  const what = position < headerBytes ? 'lies within the header' : 'points past the end';
  throw new CorruptFileError(path, number * 8, `table ${number} ${what}`);
}

/** The bytes of a table from its first slot to its last, in pieces. */
export function* tableChunks(source: CdbSource, table: CdbTable, path: string): Generator<Buffer> {
  for (let slot = 0; slot < table.slots; slot += 512) {
    yield take(source, table.position + slot * 8, Math.min(512, table.slots - slot) * 8, path, 'a table');
  }
}

/** How many of these slots name a record. */
export function usedSlots(slots: Buffer): number {
  let used = 0;
  for (let at = 4; at < slots.length; at += 8) if (slots.readUInt32LE(at) !== 0) used++;
  return used;
}

/**
 * Every record in the order they were added. The file is read as far as the records are asked for.
 * @throws CorruptFileError where a record leaves the part of the file before the tables
 */
export function* cdbRecords(source: CdbSource, path: string): Generator<CdbRecord> {
  const cursor = new CdbCursor(source, path);
  while (cursor.next())
    yield {
      key: cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd),
      data: cursor.bytes.subarray(cursor.keyEnd, cursor.dataEnd),
    };
}

/**
 * The same walk without an object for each record, for those who go through hundreds of thousands: after `next()` has said true, the key is `bytes` from `keyStart` to
 * `keyEnd`, the data from there to `dataEnd`, until the next call.
 */
export class CdbCursor {
  /** Where the first record stands. */
  static readonly firstPosition: number = headerBytes;
  readonly #source: CdbSource;
  readonly #path: string;
  readonly #end: number;
  /** Where `bytes` begins in the file, and the record after the present one. */
  #start: number;
  #position = headerBytes;
  bytes: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  dataEnd = 0;

  /**
   * @param part where to begin and to end, both places between two records; all of them unless given
   * @throws CorruptFileError for a header whose tables leave the file
   */
  constructor(source: CdbSource, path: string, part?: { readonly start: number; readonly end: number }) {
    this.#source = source;
    this.#path = path;
    this.#end = Math.min(part?.end ?? source.size, endOfRecords(readAhead(source), path));
    this.#start = part?.start ?? headerBytes;
    this.#position = this.#start;
  }

  /** Where the present record ends and the next one begins. */
  get position(): number {
    return this.#position;
  }

  /** Goes to the next record. @returns false behind the last one. @throws CorruptFileError where a record leaves the part of the file before the tables */
  next(): boolean {
    const position = this.#position;
    if (position >= this.#end) return false;
    if (this.#end - position < 8) throw new CorruptFileError(this.#path, position, 'a record is cut short');
    this.#have(position, 8);
    const at = position - this.#start;
    const length = 8 + this.bytes.readUInt32LE(at) + this.bytes.readUInt32LE(at + 4);
    if (position + length > this.#end) throw new CorruptFileError(this.#path, position, 'a record is too long');
    this.#have(position, length);
    const recordAt = position - this.#start;
    this.keyStart = recordAt + 8;
    this.keyEnd = this.keyStart + this.bytes.readUInt32LE(recordAt);
    this.dataEnd = recordAt + length;
    this.#position = position + length;
    return true;
  }

  #have(position: number, length: number): void {
    if (position + length <= this.#start + this.bytes.length) return;
    const most = Math.max(length, Math.min(pieceBytes, this.#end - position));
    this.bytes = take(this.#source, position, most, this.#path, 'a record');
    this.#start = position;
  }
}

/** The lowest position of a table: there the records end. */
function endOfRecords(source: CdbSource, path: string): number {
  let end = source.size;
  for (let number = 0; number < 256; number++) end = Math.min(end, cdbTable(source, number, path).position);
  return end;
}

/** The data of the record at a position if its key is the one looked for. */
function dataIfKey(source: CdbSource, position: number, key: Buffer | string, path: string): Buffer | undefined {
  if (position < headerBytes || position + 8 > source.size) {
    throw new CorruptFileError(path, position, 'a slot points past the end');
  }
  const length = Math.min(8 + key.length + dataAtOnce, source.size - position);
  const bytes = take(source, position, length, path, 'a record');
  const keyLength = bytes.readUInt32LE(0);
  const dataLength = bytes.readUInt32LE(4);
  if (position + 8 + keyLength + dataLength > source.size) {
    throw new CorruptFileError(path, position, 'a record is longer than the file');
  }
  if (keyLength !== key.length || !hasKey(bytes, key)) return undefined;
  const dataAt = 8 + keyLength;
  if (dataAt + dataLength <= bytes.length) return bytes.subarray(dataAt, dataAt + dataLength);
  return take(source, position + dataAt, dataLength, path, 'a record');
}

function hasKey(record: Buffer, key: Buffer | string): boolean {
  if (typeof key !== 'string') return key.compare(record, 8, 8 + key.length) === 0;
  for (let i = 0; i < key.length; i++) if (record[8 + i] !== (key.charCodeAt(i) & 0xff)) return false;
  return true;
}

function take(source: CdbSource, offset: number, length: number, path: string, what: string): Buffer {
  if (offset + length > source.size) throw new CorruptFileError(path, offset, `the file ends within ${what}`);
  const bytes = source.read(offset, length);
  if (bytes.length < length) throw new CorruptFileError(path, offset, `the file ends within ${what}`);
  return bytes;
}

/**
 * Collects records and makes the file of them.
 *
 *     const maker = new CdbMaker();
 *     maker.add('example.jp', '');
 *     const bytes = maker.finish();
 */
export class CdbMaker {
  readonly #chunks: Buffer[] = [];
  #chunk = Buffer.alloc(0);
  #used = 0;
  #hashes = new Uint32Array(64);
  #positions = new Uint32Array(64);
  #position = headerBytes;
  readonly #limitBytes: number;
  /** Number of records added. */
  count = 0;

  /** @param limitBytes the largest size of the file; by default what the format can express */
  constructor(limitBytes: number = largestFile) {
    this.#limitBytes = limitBytes;
  }

  /**
   * Adds a record. Strings stand for their Latin-1 bytes. Keys may repeat.
   * @throws PermanentError when the file would be larger than the limit; the record is not added
   */
  add(key: Buffer | string, data: Buffer | string): void {
    const length = 8 + key.length + data.length;
    if (this.#position + length + (this.count + 1) * 16 > this.#limitBytes) {
      throw new PermanentError('5.3.4', 'too many records for a cdb file (4 GiB)');
    }
    if (this.count === this.#hashes.length) this.#grow();
    this.#hashes[this.count] = cdbHash(key);
    this.#positions[this.count] = this.#position;
    this.count++;
    this.#position += length;
    if (this.#used + length > this.#chunk.length) this.#startChunk(length);
    const at = this.#chunk.writeUInt32LE(data.length, this.#chunk.writeUInt32LE(key.length, this.#used));
    put(this.#chunk, at, key);
    put(this.#chunk, at + key.length, data);
    this.#used += length;
  }

  /** The bytes of the whole file. */
  finish(): Buffer {
    const { header, tables } = this.#index();
    return Buffer.concat([header, ...this.#chunks, this.#chunk.subarray(0, this.#used), tables]);
  }

  #index(): { header: Buffer; tables: Buffer } {
    const counts = new Uint32Array(256);
    for (let i = 0; i < this.count; i++) {
      const table = element(this.#hashes, i) & 0xff;
      counts[table] = element(counts, table) + 1;
    }
    const header = Buffer.alloc(headerBytes);
    const starts = new Uint32Array(256);
    for (let table = 0, start = 0; table < 256; table++) {
      starts[table] = start;
      header.writeUInt32LE(this.#position + start, table * 8);
      header.writeUInt32LE(element(counts, table) * 2, table * 8 + 4);
      start += element(counts, table) * 16;
    }
    const tables = Buffer.alloc(this.count * 16);
    for (let i = 0; i < this.count; i++) {
      const hash = element(this.#hashes, i);
      const slots = element(counts, hash & 0xff) * 2;
      const start = element(starts, hash & 0xff);
      let slot = (hash >>> 8) % slots;
      while (tables.readUInt32LE(start + slot * 8 + 4) !== 0) slot = slot + 1 === slots ? 0 : slot + 1;
      tables.writeUInt32LE(hash, start + slot * 8);
      tables.writeUInt32LE(element(this.#positions, i), start + slot * 8 + 4);
    }
    return { header, tables };
  }

  #grow(): void {
    this.#hashes = enlarged(this.#hashes);
    this.#positions = enlarged(this.#positions);
  }

  #startChunk(atLeast: number): void {
    if (this.#used > 0) this.#chunks.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = Buffer.alloc(Math.max(atLeast, Math.min(1 << 20, Math.max(4096, this.#position - headerBytes))));
    this.#used = 0;
  }
}

/** The file of these records. */
export function makeCdb(records: Iterable<{ readonly key: Buffer | string; readonly data: Buffer | string }>): Buffer {
  const maker = new CdbMaker();
  for (const { key, data } of records) maker.add(key, data);
  return maker.finish();
}

function element(numbers: Uint32Array, index: number): number {
  return numbers[index] as number;
}

function enlarged(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

function put(target: Buffer, offset: number, bytes: Buffer | string): void {
  if (typeof bytes === 'string') target.write(bytes, offset, 'latin1');
  else target.set(bytes, offset);
}
