// The text form of a cdb: what cdbdump prints and cdbmake reads, also `cdb -d` and `cdb -c` of tinycdb. One record a line and an empty line at the end:
//
//   +3,5:one->Hello
//   +0,3:->-+x
//
// Lengths are decimal byte counts; key and data are raw bytes, LF included. A text without the empty line was cut short and is refused; what follows
// the empty line is not looked at, as in cdbmake. See formats/cdb-tcprules.md 1.7.

import { CorruptFileError } from '../../errors.js';
import type { CdbRecord } from './cdb.js';

/**
 * The records of a text, in order.
 * @param path names the text in messages
 * @throws CorruptFileError saying which record (counted from 1) is malformed and at which byte
 */
export function* parseCdbText(text: Buffer, path: string): Generator<CdbRecord> {
  let at = 0;
  for (let entry = 1; text[at] !== 0x0a; entry++) {
    const broken = (what: string): CorruptFileError => new CorruptFileError(path, at, `entry ${entry}: ${what}`);
    if (at >= text.length) throw broken('the text ends without an empty line');
    const head = /^\+(\d{0,10}),(\d{0,10}):/.exec(text.toString('latin1', at, at + 24));
    if (head === null) throw broken('does not begin with +LENGTH,LENGTH:');
    const keyAt = at + head[0].length;
    const keyEnd = keyAt + Number(head[1]);
    const dataEnd = keyEnd + 2 + Number(head[2]);
    if (dataEnd >= text.length) throw broken('the text ends within it');
    if (text.toString('latin1', keyEnd, keyEnd + 2) !== '->') throw broken('no -> behind the key');
    if (text[dataEnd] !== 0x0a) throw broken('no line end behind the data');
    yield { key: text.subarray(keyAt, keyEnd), data: text.subarray(keyEnd + 2, dataEnd) };
    at = dataEnd + 1;
  }
}

/** One record as a line. */
export function cdbTextLine({ key, data }: CdbRecord): Buffer {
  const head = Buffer.from(`+${key.length},${data.length}:`);
  return Buffer.concat([head, key, Buffer.from('->'), data, Buffer.from('\n')]);
}

/** The text of records; the mirror of `parseCdbText`. */
export function serializeCdbText(records: Iterable<CdbRecord>): Buffer {
  const lines: Buffer[] = [];
  for (const record of records) lines.push(cdbTextLine(record));
  return Buffer.concat([...lines, Buffer.from('\n')]);
}
