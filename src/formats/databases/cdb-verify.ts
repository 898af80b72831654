// A check of a whole cdb file, for `vqmail check`: look-ups only see the few bytes that they need, and a file may be damaged elsewhere.

import { CorruptFileError } from '../../errors.js';
import { type CdbSource, cdbHash, cdbRecords, cdbTable, tableChunks, usedSlots } from './cdb.js';

/**
 * Reads everything and checks that the tables name every record and nothing else.
 * @param path names the file in messages
 * @returns the number of records
 * @throws CorruptFileError at the first thing that is wrong
 */
export function verifyCdb(source: CdbSource, path: string): number {
  let used = 0;
  for (let number = 0; number < 256; number++) {
    for (const chunk of tableChunks(source, cdbTable(source, number, path), path)) used += usedSlots(chunk);
  }
  let records = 0;
  let position = 2048;
  for (const { key, data } of cdbRecords(source, path)) {
    if (!isIndexed(source, key, position, path))
      throw new CorruptFileError(path, position, 'no table names this record');
    position += 8 + key.length + data.length;
    records++;
  }
  if (records === used) return records;
  throw new CorruptFileError(path, 0, `the tables name ${used} records, and there are ${records}`);
}

/** Whether a search for the key meets the record at this position. */
function isIndexed(source: CdbSource, key: Buffer, record: number, path: string): boolean {
  const hash = cdbHash(key);
  const table = cdbTable(source, hash & 0xff, path);
  for (let tried = 0; tried < table.slots; tried++) {
    const slot = source.read(table.position + (((hash >>> 8) + tried) % table.slots) * 8, 8);
    if (slot.readUInt32LE(4) === record) return slot.readUInt32LE(0) === hash;
    if (slot.readUInt32LE(4) === 0) return false;
  }
  return false;
}
