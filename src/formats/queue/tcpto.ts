// queue/lock/tcpto: addresses to which connecting timed out lately, so that deliveries do not wait for them (formats/qmail.md 3.9, 7.4).
//
// 1024 bytes, 64 records of 16:
//
//   0 to 3    IPv4 address                              7f 00 00 09  01  00 00 00  7a f4 04 6b  00 00 00 00
//   4         timeouts, 0 to 10; 0: the record is free  127.0.0.9    1             2026-11-13
//   8 to 11   time of the last one that was counted, seconds, little-endian
//
// The other bytes are not used and are left as they are. A file that is shorter has fewer records; a piece of one at its end is none. Whoever reads or writes holds flock on
// it; a record is written in place. An IPv6 address has no room in it.

const recordBytes = 16;
const mostTimeouts = 10;
/** A timeout so soon after the one before is not counted. */
const notCountedSeconds = 120;

export interface TcptoRecord {
  /** A dotted address. */
  readonly ip: string;
  readonly timeouts: number;
  readonly lastSeconds: number;
}

/** One record as it is to be written. */
export interface TcptoChange {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** All records, free ones too: the place in the array is that in the file. */
export function parseTcpto(file: Buffer): TcptoRecord[] {
  const records: TcptoRecord[] = [];
  for (let at = 0; at + recordBytes <= file.length; at += recordBytes) {
    records.push({
      ip: [...file.subarray(at, at + 4)].join('.'),
      timeouts: file.readUInt8(at + 4),
      lastSeconds: file.readUInt32LE(at + 8),
    });
  }
  return records;
}

/**
 * Whether an address is to be left alone: two timeouts or more, and the last less than the back-off ago.
 * @param spread 0 to 31, which spreads the end of the back-off, 3840 to 5824 s, over the hosts and deliveries; qmail takes the process id's last bits
 */
export function isBackedOff(records: readonly TcptoRecord[], ip: string, nowSeconds: number, spread: number): boolean {
  const record = records.find((one) => one.ip === ip);
  if (record === undefined || record.timeouts < 2) return false;
  return nowSeconds - record.lastSeconds < (60 + spread) * 64;
}

/** What to write after connecting timed out; undefined: nothing. */
export function countTimeout(file: Buffer, ip: string, nowSeconds: number): TcptoChange | undefined {
  const records = parseTcpto(file);
  const index = records.findIndex((one) => one.ip === ip);
  const record = records[index];
  if (record === undefined) return change(file, placeForNew(records), { ip, timeouts: 1, lastSeconds: nowSeconds });
  if (record.timeouts > 0 && nowSeconds < record.lastSeconds + notCountedSeconds) return undefined;
  const timeouts = Math.min(record.timeouts + 1, mostTimeouts);
  return change(file, index, { ip, timeouts, lastSeconds: nowSeconds });
}

/** What to write after connecting succeeded, or failed in another way; undefined: nothing. */
export function clearTimeouts(file: Buffer, ip: string): TcptoChange | undefined {
  const records = parseTcpto(file);
  const index = records.findIndex((one) => one.ip === ip);
  const record = records[index];
  return record === undefined || record.timeouts === 0 ? undefined : change(file, index, { ...record, timeouts: 0 });
}

/** The first free record, else the one with the fewest and oldest timeouts. */
function placeForNew(records: readonly TcptoRecord[]): number {
  const free = records.findIndex(({ timeouts }) => timeouts === 0);
  if (free >= 0) return free;
  let [least, leastWeight] = [-1, Number.POSITIVE_INFINITY];
  for (const [index, { timeouts, lastSeconds }] of records.entries()) {
    const weight = lastSeconds + 1024 * timeouts;
    if (weight < leastWeight) [least, leastWeight] = [index, weight];
  }
  return least;
}

function change(file: Buffer, index: number, record: TcptoRecord): TcptoChange | undefined {
  if (index < 0) return undefined;
  const offset = index * recordBytes;
  const bytes = Buffer.from(file.subarray(offset, offset + recordBytes));
  for (const [at, octet] of record.ip.split('.').entries()) bytes.writeUInt8(Number(octet), at);
  bytes.writeUInt8(record.timeouts, 4);
  bytes.writeUInt32LE(record.lastSeconds >>> 0, 8);
  return { offset, bytes };
}
