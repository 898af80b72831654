// The message of a local delivery: an open file, read from its start as often as there are instructions. Programs get the same open file, so it is
// wound back before each of them; everything else reads at positions of its own.

import fs from 'node:fs';
import { rewind } from '../../files/native/rewind.js';
import { HeaderScanner } from '../../mail/header.js';

const pieceBytes = 256 * 1024;

export class MessageSource {
  readonly fd: number;

  /** @param fd open for reading, a file that can be wound back; its owner closes it */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** The bytes in pieces, from a place on. @throws the system error */
  async *pieces(from = 0): AsyncGenerator<Buffer> {
    for (let position = from; ; ) {
      const piece = await read(this.fd, position);
      if (piece.length === 0) return;
      position += piece.length;
      yield piece;
    }
  }

  /**
   * The Delivered-To lines of the header, without LF.
   * @param which whether a last line of the message that lacks its LF is one too: not for qmail-local, but for vdelivermail
   * @throws the system error
   */
  async deliveredToLines(which: 'whole' | 'all'): Promise<readonly string[]> {
    const scanner = new HeaderScanner();
    for await (const piece of this.pieces()) {
      scanner.write(piece);
      if (scanner.ended) break;
    }
    if (which === 'all') scanner.end();
    return scanner.deliveredToLines;
  }

  /** Makes the next program read from the start. @throws the system error, ESPIPE for what is no file */
  rewind(): void {
    rewind(this.fd);
  }
}

function read(fd: number, position: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(pieceBytes);
    fs.read(fd, buffer, 0, buffer.length, position, (error, count) => {
      if (error === null) resolve(buffer.subarray(0, count));
      else reject(error);
    });
  });
}
