// vq-state: what a mailbox has beside its Maildir, whose names have no place for it: mod-sequences (RFC 7162), which UIDs were expunged when, and keywords beyond the 26 that have a letter.
// Our own file in the folder's directory; Dovecot and Courier leave unknown files there alone, and rename and remove them with the folder. Without it mod-sequences begin anew, above
// all that were ever told.
//
// A header of 32 bytes, then records of 24 bytes, little-endian:
//
//   header    "vqstate1"  u32 UIDVALIDITY  u32 0  f64 floor  f64 highest     of what happened up to mod-sequence `floor` nothing is known; the highest that was given until then
//
//   byte 0      4        8               12         16
//   1           uid      i32 bits        0          f64 modSeq     the message has these flags (message-flags.ts) since this mod-sequence
//   2           first    u32 last        0          f64 modSeq     these UIDs were expunged
//   3           number   u32 length      0          0              name of keyword `number` (26 and up); behind it its bytes, padded to whole records
//   4           uid      u32 number      0 or 1     f64 modSeq     the message has that keyword, or has it no more
//
// Written under dovecot-uidlist.lock: records are appended in one write, after what they tell of was done; a later record of a message stands above an earlier one. Replaced by rename
// (vq-state.tmp) when most of it is out of date. A crash leaves a part of a record at the end, or (with the machine) zeros: what stands before is good, and the next writer replaces
// the file.

/** What a journal tells, in its order. */
export interface JournalReader {
  message(uid: number, bits: number, modSeq: number): void;
  expunged(first: number, last: number, modSeq: number): void;
  keywordName(number: number, name: string): void;
  keyword(uid: number, number: number, isSet: boolean, modSeq: number): void;
}

/** The messages that there are, by index. */
export interface JournalMessages {
  readonly count: number;
  uidAt(index: number): number;
  bitsAt(index: number): number;
  modSeqAt(index: number): number;
}

export interface JournalHeader {
  readonly uidValidity: number;
  /** Nothing is known of what happened up to this mod-sequence. */
  readonly floor: number;
  /** The highest mod-sequence that was given before the first record. */
  readonly highest: number;
}

export const journalHeaderBytes = 32;
export const journalRecordBytes = 24;

const magic = 'vqstate1';
const kinds = { message: 1, expunged: 2, keywordName: 3, keyword: 4 } as const;

/** Reads the header; undefined when it is none. */
export function parseJournalHeader(bytes: Buffer): JournalHeader | undefined {
  if (bytes.length < journalHeaderBytes || bytes.toString('latin1', 0, 8) !== magic) return undefined;
  const [floor, highest] = [bytes.readDoubleLE(16), bytes.readDoubleLE(24)];
  return isModSeq(floor) && isModSeq(highest) ? { uidValidity: bytes.readUInt32LE(8), floor, highest } : undefined;
}

export function serializeJournalHeader({ uidValidity, floor, highest }: JournalHeader): Buffer {
  const bytes = Buffer.alloc(journalHeaderBytes);
  bytes.write(magic, 'latin1');
  bytes.writeUInt32LE(uidValidity, 8);
  bytes.writeDoubleLE(floor, 16);
  bytes.writeDoubleLE(highest, 24);
  return bytes;
}

/**
 * Reads records.
 * @param bytes from a record's beginning on
 * @returns how many bytes are good records; less than all when the file is damaged from there on
 */
export function parseJournal(bytes: Buffer, reader: JournalReader): number {
  const view = viewOf(bytes);
  let at = 0;
  while (at + journalRecordBytes <= bytes.length) {
    const size = readRecord(bytes, view, at, reader);
    if (size === 0) break;
    at += size;
  }
  return at;
}

/** A view of bytes: to read and write numbers through it takes a fraction of the time that a Buffer's methods take. */
function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function readRecord(bytes: Buffer, view: DataView, at: number, reader: JournalReader): number {
  const id = view.getUint32(at + 4, true);
  const modSeq = view.getFloat64(at + 16, true);
  if (!isModSeq(modSeq)) return 0;
  switch (view.getUint32(at, true)) {
    case kinds.message:
      reader.message(id, view.getInt32(at + 8, true), modSeq);
      return journalRecordBytes;
    case kinds.expunged:
      reader.expunged(id, bytes.readUInt32LE(at + 8), modSeq);
      return journalRecordBytes;
    case kinds.keyword:
      reader.keyword(id, bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12) === 1, modSeq);
      return journalRecordBytes;
    case kinds.keywordName:
      return readName(bytes, at, id, reader);
    default:
      return 0;
  }
}

function readName(bytes: Buffer, at: number, number: number, reader: JournalReader): number {
  const length = bytes.readUInt32LE(at + 8);
  const size = journalRecordBytes + paddedLength(length);
  if (length > 1024 || at + size > bytes.length) return 0;
  reader.keywordName(number, bytes.toString('latin1', at + journalRecordBytes, at + journalRecordBytes + length));
  return size;
}

function paddedLength(length: number): number {
  return Math.ceil(length / journalRecordBytes) * journalRecordBytes;
}

function isModSeq(value: number): boolean {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER && Number.isInteger(value);
}

/** Puts records together; the mirror of `parseJournal`. */
export class JournalWriter implements JournalReader {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  /** @param expected how many records there will be, as far as is known */
  constructor(expected = 4) {
    this.#bytes = Buffer.alloc(expected * journalRecordBytes);
    this.#view = viewOf(this.#bytes);
  }

  /** The records so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  message(uid: number, bits: number, modSeq: number): void {
    const at = this.#record(kinds.message, uid, modSeq);
    this.#view.setInt32(at + 8, bits, true);
  }

  /** A record for each. */
  messages(all: JournalMessages): void {
    let at = this.#room(all.count * journalRecordBytes);
    const view = this.#view;
    for (let index = 0; index < all.count; index++) {
      writeRecord(view, at, kinds.message, all.uidAt(index), all.modSeqAt(index));
      view.setInt32(at + 8, all.bitsAt(index), true);
      at += journalRecordBytes;
    }
  }

  expunged(first: number, last: number, modSeq: number): void {
    const at = this.#record(kinds.expunged, first, modSeq);
    this.#bytes.writeUInt32LE(last, at + 8);
  }

  keywordName(number: number, name: string): void {
    const at = this.#record(kinds.keywordName, number, 0);
    this.#bytes.writeUInt32LE(name.length, at + 8);
    const text = this.#room(paddedLength(name.length));
    this.#bytes.write(name, text, 'latin1');
  }

  keyword(uid: number, number: number, isSet: boolean, modSeq: number): void {
    const at = this.#record(kinds.keyword, uid, modSeq);
    this.#bytes.writeUInt32LE(number, at + 8);
    this.#bytes.writeUInt32LE(isSet ? 1 : 0, at + 12);
  }

  #record(kind: number, id: number, modSeq: number): number {
    const at = this.#room(journalRecordBytes);
    writeRecord(this.#view, at, kind, id, modSeq);
    return at;
  }

  /** Where so many zero bytes begin that may be filled. */
  #room(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#length, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    return at;
  }
}

function writeRecord(view: DataView, at: number, kind: number, id: number, modSeq: number): void {
  view.setUint32(at, kind, true);
  view.setUint32(at + 4, id, true);
  view.setFloat64(at + 16, modSeq, true);
}
