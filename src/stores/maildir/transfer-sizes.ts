// How many octets a message is when it is sent: what POP3 announces (protocols/pop3-message.ts). It is not the size of the file, since every LF is sent as CR LF, so
// the file must be read once. What was learned is kept under the file's device, inode, size, and when it was made and changed: a message is never
// changed in place, and moving it or changing its flags changes none of these. A restored file may have the inode, size and time of one that was removed.
//
// The W= that Dovecot puts into a name is not believed: other programs copy names, and a wrong size breaks a client's download.
//
// The memory is a table of fixed size, one for each process: 2^17 messages in 6 MiB. A message has four places in it; a newcomer takes the place of the one
// that was put there first.

import type { FileReads } from '../../files/file-reads.js';
import { TransferSize } from '../../protocols/pop3-message.js';

/** What a file is known by. */
export interface FileKey {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly birthtimeMs: number;
  readonly sizeBytes: number;
  readonly dev: number;
}

const columns = 6;
const places = 4;
const pieceBytes = 128 * 1024;

/** The sizes that this process has learned. */
export class TransferSizes {
  readonly #sets: number;
  readonly #table: Float64Array;
  readonly #nextPlace: Uint8Array;

  /** @param sets a quarter of the number of messages that are remembered */
  constructor(sets = 1 << 15) {
    this.#sets = sets;
    this.#table = new Float64Array(sets * places * columns);
    this.#nextPlace = new Uint8Array(sets);
  }

  get(file: FileKey): number | undefined {
    const table = this.#table;
    const first = this.#setOf(file) * places * columns;
    for (let at = first; at < first + places * columns; at += columns) {
      const isIt =
        table[at] === file.ino &&
        table[at + 1] === file.mtimeMs &&
        table[at + 2] === file.sizeBytes &&
        table[at + 3] === file.dev &&
        table[at + 4] === file.birthtimeMs;
      if (isIt) return table[at + 5];
    }
    return undefined;
  }

  set(file: FileKey, octets: number): void {
    const set = this.#setOf(file);
    const place = this.#nextPlace[set] ?? 0;
    this.#nextPlace[set] = (place + 1) % places;
    const { ino, mtimeMs, sizeBytes, dev, birthtimeMs } = file;
    this.#table.set([ino, mtimeMs, sizeBytes, dev, birthtimeMs, octets], (set * places + place) * columns);
  }

  #setOf(file: FileKey): number {
    return (Math.imul(file.ino ^ Math.floor(file.ino / 0x1_0000_0000), 0x9e3779b1) >>> 0) % this.#sets;
  }
}

/**
 * Reads an open message and counts. The descriptor is left at its end.
 * @throws TemporaryError when it cannot be read
 */
export async function countTransferOctets(fd: number, sizeBytes: number, reads: FileReads): Promise<number> {
  const counter = new TransferSize();
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, sizeBytes + 1));
  for (;;) {
    const count = await reads.read(fd, piece);
    counter.add(piece.subarray(0, count));
    // A read that does not fill the piece has met the end of a file.
    if (count < piece.length) return counter.total;
  }
}
