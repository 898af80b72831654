// The message of a local delivery: an open file or, where it is small, its bytes. It is read from its start as often as there are instructions. Programs get an open file, the same for all, so
// it is wound back before each of them; of bytes it is made for the first of them. Everything else reads at positions of its own.

import fs from 'node:fs';
import { fileOfBytes } from '../../files/nameless-file.js';
import { rewind } from '../../files/native/rewind.js';
import { HeaderScanner } from '../../mail/header.js';

const pieceBytes = 256 * 1024;

export class MessageSource {
  readonly #bytes: Buffer | undefined;
  #fd: number | undefined;

  /** @param message a descriptor open for reading, of a file that can be wound back; or all of its bytes */
  constructor(message: number | Buffer) {
    if (typeof message === 'number') this.#fd = message;
    else this.#bytes = message;
  }

  /** What programs read from. @throws the system error when there can be no such file */
  get fd(): number {
    this.#fd ??= fileOfBytes(this.#bytes ?? Buffer.alloc(0));
    return this.#fd;
  }

  /** @throws the system error */
  get sizeBytes(): number {
    return this.#bytes?.length ?? fs.fstatSync(this.fd).size;
  }

  /** The bytes in pieces, from a place on. They are not to be changed. @throws the system error */
  async *pieces(from = 0): AsyncGenerator<Buffer> {
    if (this.#bytes !== undefined) {
      if (from < this.#bytes.length) yield this.#bytes.subarray(from);
      return;
    }
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

  /** The message is not needed any more. */
  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
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
