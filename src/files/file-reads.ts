// Reading message files piece by piece. A small piece that the kernel holds in memory is there in microseconds, and asking the thread pool for it would take ten times as
// long; but from a slow disk the same read holds up everybody. So small pieces are read at once until one takes long, and then off the event loop for a while.
// Large pieces are always read off the event loop. After some reads at once others have their turn, so that whoever reads thousands of files in a row
// need not think of them.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileTrouble } from './read.js';

const smallBytes = 64 * 1024;
const slowMs = 3;
const readsWhileSlow = 100;
const readsInARow = 32;

/** The reads of one process. */
export class FileReads {
  #slowReadsLeft = 0;
  #readsInARow = 0;

  /**
   * Reads at a place, or on where the last read ended.
   * @returns how much of `piece` was filled; less than its length only at the end of the file
   * @throws TemporaryError
   */
  read(fd: number, piece: Buffer, position: number | null = null): number | Promise<number> {
    if (piece.length > smallBytes) return readLater(fd, piece, position);
    if (this.#slowReadsLeft > 0) {
      this.#slowReadsLeft--;
      return readLater(fd, piece, position);
    }
    const count = this.#readNow(fd, piece, position);
    if (++this.#readsInARow < readsInARow) return count;
    this.#readsInARow = 0;
    return nextTurn(count);
  }

  #readNow(fd: number, piece: Buffer, position: number | null): number {
    const start = performance.now();
    try {
      return fs.readSync(fd, piece, 0, piece.length, position);
    } catch (error) {
      throw fileTrouble(error);
    } finally {
      if (performance.now() - start > slowMs) this.#slowReadsLeft = readsWhileSlow;
    }
  }
}

function readLater(fd: number, piece: Buffer, position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, piece, 0, piece.length, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(fileTrouble(error));
    });
  });
}
