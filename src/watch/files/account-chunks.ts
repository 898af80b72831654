// Which part of a large vpasswd.cdb is otherwise than at the last look, found without taking its records apart: the records are divided into chunks, and a chunk with the same bytes as before holds the
// same accounts.
//
// Where a chunk ends is decided by a name alone, so that an account that is added, removed or changed makes one chunk another one, and all chunks behind it only stand elsewhere. Kept for each
// chunk: a digest, and how many records there are up to its end.

import { createHash } from 'node:crypto';
import { CdbCursor, type CdbSource } from '../../formats/databases/cdb.js';
import { hashBytes, multipliers } from '../changes/fingerprint.js';

/** The chunks of one version, in the order of the file. */
export interface AccountChunks {
  /** SHA-1: nobody gains by making two chunks look alike, whose accounts then change unnoticed by a watcher that no answer depends on. */
  readonly digests: readonly string[];
  /** For each chunk how many records end before it ends, and where that is in the file. */
  readonly records: readonly number[];
  readonly positions: readonly number[];
}

/** A run of records: rows of the table before, rows of the table now, and where in the file they stand now. */
export interface ChangedPart {
  readonly before: { readonly start: number; readonly end: number };
  readonly after: { readonly start: number; readonly end: number };
  readonly file: { readonly start: number; readonly end: number };
}

/** A chunk has so many records on average. */
const usualRecords = 128;
const recordsInARow = 512;

/**
 * Divides a database into chunks; now and then gives undefined, where the caller may pause.
 * @throws CorruptFileError as the walk through it
 */
export function* accountChunks(source: CdbSource, path: string): Generator<undefined, AccountChunks> {
  const cursor = new CdbCursor(source, path);
  const chunks = { digests: [] as string[], records: [] as number[], positions: [] as number[] };
  let hash = createHash('sha1');
  // What of the bytes at hand belongs to this chunk and is not in the hash yet.
  let bytes = cursor.bytes;
  let [start, end, count] = [0, 0, 0];
  const finish = (): void => {
    hash.update(bytes.subarray(start, end));
    chunks.digests.push(hash.digest('base64'));
    chunks.records.push(count);
    chunks.positions.push(cursor.position);
    hash = createHash('sha1');
    start = end;
  };
  while (cursor.next()) {
    if (cursor.bytes !== bytes) {
      hash.update(bytes.subarray(start, end));
      bytes = cursor.bytes;
      start = cursor.keyStart - 8;
    }
    end = cursor.dataEnd;
    count++;
    if (hashBytes(bytes, cursor.keyStart, cursor.keyEnd, multipliers[1]) % usualRecords === 0) finish();
    if (count % recordsInARow === 0) yield;
  }
  finish();
  return chunks;
}

/** What lies between the chunks that both begin with and those that both end with. */
export function changedPart(before: AccountChunks, after: AccountChunks): ChangedPart {
  const most = Math.min(before.digests.length, after.digests.length);
  let head = 0;
  while (head < most && before.digests[head] === after.digests[head]) head++;
  let tail = 0;
  const isSameFromEnd = (back: number): boolean => before.digests.at(-1 - back) === after.digests.at(-1 - back);
  while (tail < most - head && isSameFromEnd(tail)) tail++;
  const ends = (counts: readonly number[], first: number): { start: number; end: number } => ({
    start: counts[head - 1] ?? first,
    end: counts[counts.length - 1 - tail] ?? first,
  });
  return {
    before: ends(before.records, 0),
    after: ends(after.records, 0),
    file: ends(after.positions, CdbCursor.firstPosition),
  };
}
