// vq-cache: what was worked out of the messages of a mailbox and can be worked out again. Our own file in the folder's directory, which Dovecot and Courier leave alone, as vq-state.
//
// A header of 16 bytes, then records, little-endian:
//
//   header    "vqcache1"  u32 UIDVALIDITY  u32 version of the values
//   record    "vqR1"  u32 length of the record  u32 CRC-32 of all that follows  u32 uid  u32 CRC-32 of the base of the message's name  entries up to its end
//   entry     u16 length of its name  u32 length of its value  name  value
//
// Records are appended, each batch in one write; the last record of a message counts, and has all that is known of it. A record that was not written to its end, or damaged, is found out by
// its CRC; the next good one behind it is found by its first four bytes.

import { crc32 } from 'node:zlib';

export const cacheHeaderBytes = 16;
/** A longer record is none. */
export const longestRecord = 1024 * 1024;

const magic = 'vqcache1';
const recordMagic = Buffer.from('vqR1', 'latin1');
const recordMark = recordMagic.readUInt32LE(0);
const fixedBytes = 20;
const checkedFrom = 12;
const entryBytes = 6;

export interface CacheHeader {
  readonly uidValidity: number;
  /** Of whoever makes the values: those of another version mean something else. */
  readonly valuesVersion: number;
}

/** @returns undefined when it is no header */
export function parseCacheHeader(bytes: Buffer): CacheHeader | undefined {
  if (bytes.length < cacheHeaderBytes || bytes.toString('latin1', 0, 8) !== magic) return undefined;
  return { uidValidity: bytes.readUInt32LE(8), valuesVersion: bytes.readUInt32LE(12) };
}

export function serializeCacheHeader({ uidValidity, valuesVersion }: CacheHeader): Buffer {
  const bytes = Buffer.alloc(cacheHeaderBytes);
  bytes.write(magic, 'latin1');
  bytes.writeUInt32LE(uidValidity, 8);
  bytes.writeUInt32LE(valuesVersion, 12);
  return bytes;
}

/** What stands for a base in a record: CRC-32 of it as UTF-8. */
export function baseChecksum(base: string): number {
  return crc32(base);
}

/** @param entries values by name; a name has at most 65535 octets (Latin-1) */
export function serializeCacheRecord(uid: number, base: string, entries: ReadonlyMap<string, Buffer>): Buffer {
  let length = fixedBytes;
  for (const [name, value] of entries) length += entryBytes + name.length + value.length;
  const bytes = Buffer.allocUnsafe(length);
  recordMagic.copy(bytes);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(uid, 12);
  bytes.writeUInt32LE(baseChecksum(base), 16);
  let at = fixedBytes;
  for (const [name, value] of entries) {
    bytes.writeUInt16LE(name.length, at);
    bytes.writeUInt32LE(value.length, at + 2);
    at += entryBytes;
    at += bytes.write(name, at, 'latin1');
    at += value.copy(bytes, at);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(checkedFrom)), 8);
  return bytes;
}

/** A good record. */
export interface CacheRecord {
  readonly uid: number;
  readonly baseChecksum: number;
  /** All of it, as it stands in the file. */
  readonly bytes: Buffer;
}

/**
 * The record at a place.
 * @returns undefined when it is none, `short` when it may be one that goes on behind these bytes
 */
export function parseCacheRecord(bytes: Buffer, at: number): CacheRecord | 'short' | undefined {
  if (at + fixedBytes > bytes.length) return 'short';
  if (bytes.readUInt32LE(at) !== recordMark) return undefined;
  const length = bytes.readUInt32LE(at + 4);
  if (length < fixedBytes || length > longestRecord) return undefined;
  if (at + length > bytes.length) return 'short';
  if (crc32(bytes.subarray(at + checkedFrom, at + length)) !== bytes.readUInt32LE(at + 8)) return undefined;
  return {
    uid: bytes.readUInt32LE(at + 12),
    baseChecksum: bytes.readUInt32LE(at + 16),
    bytes: bytes.subarray(at, at + length),
  };
}

/** Where the next record may begin, behind one that is none; the end less what may be the beginning of one. */
export function nextCacheRecord(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(recordMagic, from);
  return found >= 0 ? found : Math.max(from, bytes.length - recordMagic.length + 1);
}

/** An entry of a record; undefined when it has none of this name. The value is a part of the record's bytes. */
export function entryOfRecord({ bytes }: CacheRecord, name: string): Buffer | undefined {
  for (let at = fixedBytes; ; ) {
    const entry = entryAt(bytes, at);
    if (entry === undefined) return undefined;
    if (entry.valueAt - entry.nameAt === name.length && bytes.toString('latin1', entry.nameAt, entry.valueAt) === name)
      return bytes.subarray(entry.valueAt, entry.end);
    at = entry.end;
  }
}

/** All entries of a record, by name. */
export function entriesOfRecord({ bytes }: CacheRecord): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (let at = fixedBytes; ; ) {
    const entry = entryAt(bytes, at);
    if (entry === undefined) return entries;
    entries.set(bytes.toString('latin1', entry.nameAt, entry.valueAt), bytes.subarray(entry.valueAt, entry.end));
    at = entry.end;
  }
}

/** Undefined behind the last entry, and for what goes beyond the record. */
function entryAt(bytes: Buffer, at: number): { nameAt: number; valueAt: number; end: number } | undefined {
  const nameAt = at + entryBytes;
  if (nameAt > bytes.length) return undefined;
  const valueAt = nameAt + bytes.readUInt16LE(at);
  const end = valueAt + bytes.readUInt32LE(at + 2);
  return end > bytes.length ? undefined : { nameAt, valueAt, end };
}
