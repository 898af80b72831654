// How many octets a message is when it is sent: what POP3 announces (protocols/pop3-message.ts). It is not the size of the file, since every LF is sent as CR LF, so
// the file must be read once. What was learned is kept under the file's device, inode, size and modification time: a message is never
// changed in place, and moving it or changing its flags changes none of these.
//
//   known from before             no read
//   up to 64 KiB                  read at once
//   else                          read off the event loop, in pieces
//
// The W= that Dovecot puts into a name is not believed: other programs copy names, and a wrong size breaks a client's download.
//
// The memory is a table of fixed size, one for each process: 2^17 messages in 5 MiB. A message has four places in it; a newcomer takes the place of the one
// that was put there first.

import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { bytesPath, isMissing } from '../../files/read.js';
import type { MessageFile } from './message-list.js';

/** Counts octets as they will be sent. protocols/pop3-message.ts has one; this room does not know protocols. */
export interface OctetCounter {
  add(chunk: Uint8Array): void;
  readonly total: number;
}

const columns = 5;
const places = 4;
const pieceBytes = 128 * 1024;
const smallBytes = 64 * 1024;

/** The sizes that this process has learned. */
export class TransferSizes {
  readonly #sets: number;
  readonly #table: Float64Array;
  readonly #nextPlace: Uint8Array;

  constructor(sets = 1 << 15) {
    this.#sets = sets;
    this.#table = new Float64Array(sets * places * columns);
    this.#nextPlace = new Uint8Array(sets);
  }

  get(file: MessageFile): number | undefined {
    const table = this.#table;
    const first = this.#setOf(file) * places * columns;
    for (let at = first; at < first + places * columns; at += columns) {
      if (
        table[at] === file.ino &&
        table[at + 1] === file.mtimeMs &&
        table[at + 2] === file.sizeBytes &&
        table[at + 3] === file.dev
      )
        return table[at + 4];
    }
    return undefined;
  }

  set(file: MessageFile, octets: number): void {
    const set = this.#setOf(file);
    const place = this.#nextPlace[set] ?? 0;
    this.#nextPlace[set] = (place + 1) % places;
    this.#table.set([file.ino, file.mtimeMs, file.sizeBytes, file.dev, octets], (set * places + place) * columns);
  }

  #setOf(file: MessageFile): number {
    return (Math.imul(file.ino ^ Math.floor(file.ino / 0x1_0000_0000), 0x9e3779b1) >>> 0) % this.#sets;
  }
}

/**
 * The octets of a message as it is sent; undefined when the file is not there any more.
 * @param counter a fresh one
 * @throws the system error when it cannot be read
 */
export async function transferSize(
  known: TransferSizes,
  maildir: string,
  file: MessageFile,
  counter: OctetCounter,
): Promise<number | undefined> {
  const before = known.get(file);
  if (before !== undefined) return before;
  const path = bytesPath(`${maildir}/${file.part}/${file.name}`);
  try {
    if (file.sizeBytes <= smallBytes) counter.add(fs.readFileSync(path));
    else await readPieces(path, counter);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  known.set(file, counter.total);
  return counter.total;
}

async function readPieces(path: string | Buffer, counter: OctetCounter): Promise<void> {
  const handle = await open(path);
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, pieceBytes);
      if (bytesRead === 0) return;
      counter.add(piece.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
