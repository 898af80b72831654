// Reading message files piece by piece. A small piece that the kernel holds in memory is there in microseconds, and asking the thread pool for it would take ten times as
// long; but from a slow disk the same read holds up everybody. So small pieces are read at once until one takes long, and then off the event loop for a while.
// Large pieces are always read off the event loop.

import fs from 'node:fs';
import { fileTrouble } from './read.js';

const smallBytes = 64 * 1024;
const slowMs = 3;
const readsWhileSlow = 100;

/** The reads of one process. */
export class FileReads {
  #slowReadsLeft = 0;

  /**
   * Reads on where the last read ended.
   * @returns how much of `piece` was filled; less than its length only at the end of the file
   * @throws TemporaryError
   */
  read(fd: number, piece: Buffer): number | Promise<number> {
    if (piece.length > smallBytes) return readLater(fd, piece);
    if (this.#slowReadsLeft > 0) {
      this.#slowReadsLeft--;
      return readLater(fd, piece);
    }
    return this.#readNow(fd, piece);
  }

  #readNow(fd: number, piece: Buffer): number {
    const start = performance.now();
    try {
      return fs.readSync(fd, piece, 0, piece.length, null);
    } catch (error) {
      throw fileTrouble(error);
    } finally {
      if (performance.now() - start > slowMs) this.#slowReadsLeft = readsWhileSlow;
    }
  }
}

function readLater(fd: number, piece: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, piece, 0, piece.length, null, (error, count) => {
      if (error === null) resolve(count);
      else reject(fileTrouble(error));
    });
  });
}
