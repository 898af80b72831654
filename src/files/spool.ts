// Bytes that are needed again once all of them are there: in memory, and when there are many in a file that has no name, so that a crash leaves nothing.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bytesPath } from './read.js';

const mostInMemory = 1024 * 1024;
const pieceBytes = 256 * 1024;
let made = 0;

export class Spool {
  #chunks: Buffer[] = [];
  #fd: number | undefined;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Keeps the bytes; they belong to the spool from here on. @throws the system error */
  write(chunk: Buffer): void {
    this.#sizeBytes += chunk.length;
    if (this.#fd === undefined && this.#sizeBytes <= mostInMemory) {
      this.#chunks.push(chunk);
      return;
    }
    this.#fd ??= openNameless();
    for (const kept of [...this.#chunks, chunk])
      for (let at = 0; at < kept.length; ) at += fs.writeSync(this.#fd, kept, at);
    this.#chunks = [];
  }

  /** All bytes, from the first one on; as often as wanted. @throws the system error */
  *pieces(): Generator<Buffer> {
    if (this.#fd === undefined) {
      yield* this.#chunks;
      return;
    }
    for (let position = 0; ; ) {
      const buffer = Buffer.allocUnsafe(pieceBytes);
      const count = fs.readSync(this.#fd, buffer, 0, buffer.length, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  }

  /** Forgets everything. Twice does nothing. */
  discard(): void {
    this.#chunks = [];
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function openNameless(): number {
  const name = path.join(os.tmpdir(), `spool.${process.pid}.${Date.now()}.${++made}`);
  const fd = fs.openSync(bytesPath(name), 'wx+', 0o600);
  fs.unlinkSync(bytesPath(name));
  return fd;
}
