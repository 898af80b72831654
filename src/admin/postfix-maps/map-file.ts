// One table of Postfix as a text file (postmap(1)), written beside the old one and put in its place whole.
//
//   example.jp smtp:[127.0.0.1]:10025           key, blank, value; a `#` in front makes it a comment
//   "a..b"@example.jp OK                        a local part in quotes where RFC 5321 wants them, as Postfix asks for it
//
//   .NAME.new, .NAME.new.db     in the making: text, then the index that postmap makes of it
//   NAME                        renamed first
//   NAME.db                     renamed last: it is what Postfix reads
//
// A crash leaves each of the two old or new, and whole; an index that is older than its text shows that the second rename was missed, and the next run writes both
// again. Mode 0644: the tables hold no secrets. When nothing changed, nothing is renamed, since every change makes Postfix start its processes anew.

import fs from 'node:fs';
import path from 'node:path';
import { TemporaryError } from '../../errors.js';
import { identityOf } from '../../files/identity.js';
import { fileTrouble } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { type MapType, makeIndex, suffixOf } from './map-index.js';

const pieceBytes = 256 * 1024;

/** A table in the making. `commit` or `abandon` ends it. Every method throws TemporaryError when the disk refuses. */
export class MapFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #fd: number;
  #pieces: string[] = [];
  #pending = 0;
  #position = 0;

  constructor(directory: string, name: string) {
    this.path = path.join(directory, name);
    this.#temporary = path.join(directory, `.${name}.new`);
    this.#fd = guarded(() => {
      const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
      const fd = fs.openSync(this.#temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
      fs.fchmodSync(fd, 0o644);
      return fd;
    });
  }

  /** Where the next line will stand, in bytes. */
  get position(): number {
    return this.#position;
  }

  /** Adds a line. Texts are Latin-1. */
  line(key: string, value: string): void {
    const text = `${key} ${value}\n`;
    this.#pieces.push(text);
    this.#pending += text.length;
    this.#position += text.length;
    if (this.#pending >= pieceBytes) this.#flush();
  }

  /** Drops what was added since `position` was this. */
  rewind(position: number): void {
    this.#flush();
    guarded(() => fs.ftruncateSync(this.#fd, position));
    this.#position = position;
  }

  /** Adds bytes of another file. */
  copy(fd: number, position: number, length: number): void {
    this.#flush();
    const buffer = Buffer.allocUnsafe(Math.min(length, pieceBytes));
    for (let done = 0; done < length; ) {
      const count = guarded(() => fs.readSync(fd, buffer, 0, Math.min(buffer.length, length - done), position + done));
      if (count === 0) throw new TemporaryError('4.3.0', 'a file that was written ends too soon');
      guarded(() => fs.writeSync(this.#fd, buffer, 0, count, this.#position));
      this.#position += count;
      done += count;
    }
  }

  /**
   * Puts the table in place, with its index, unless the one in place says the same.
   * @returns an open descriptor of the text that is in place now, and whether it is another one than before
   */
  async commit(type: MapType, postfixConfig?: string): Promise<{ readonly fd: number; readonly changed: boolean }> {
    this.#flush();
    try {
      if (this.#isInPlace(type)) {
        fs.rmSync(this.#temporary);
        return { fd: this.#fd, changed: false };
      }
      fs.fsyncSync(this.#fd);
      await makeIndex(type, this.#temporary, postfixConfig);
      const suffix = suffixOf(type);
      fs.renameSync(this.#temporary, this.path);
      if (suffix !== '') fs.renameSync(`${this.#temporary}${suffix}`, `${this.path}${suffix}`);
      await syncDirectory(path.dirname(this.path));
      return { fd: this.#fd, changed: true };
    } catch (error) {
      this.abandon(type);
      throw fileTrouble(error);
    }
  }

  /** Forgets the table. Does not throw. */
  abandon(type: MapType): void {
    fs.closeSync(this.#fd);
    for (const suffix of ['', suffixOf(type)]) fs.rmSync(`${this.#temporary}${suffix}`, { force: true });
  }

  #flush(): void {
    if (this.#pending === 0) return;
    const bytes = Buffer.from(this.#pieces.join(''), 'latin1');
    this.#pieces = [];
    this.#pending = 0;
    const start = this.#position - bytes.length;
    for (let done = 0; done < bytes.length; )
      done += guarded(() => fs.writeSync(this.#fd, bytes, done, bytes.length - done, start + done));
  }

  /** Whether the file in place has the same bytes, and an index that is no older. */
  #isInPlace(type: MapType): boolean {
    const text = identityOf(this.path);
    if (text === undefined || Number(text.size) !== this.#position) return false;
    const index = identityOf(`${this.path}${suffixOf(type)}`);
    if (index === undefined || index.mtimeNs < text.mtimeNs) return false;
    const fd = fs.openSync(this.path, 'r');
    try {
      return this.#equals(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  #equals(fd: number): boolean {
    const [ours, theirs] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
    for (let at = 0; at < this.#position; at += pieceBytes) {
      const count = fs.readSync(this.#fd, ours, 0, pieceBytes, at);
      if (fs.readSync(fd, theirs, 0, pieceBytes, at) !== count) return false;
      if (ours.compare(theirs, 0, count, 0, count) !== 0) return false;
    }
    return true;
  }
}

function guarded<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw fileTrouble(error);
  }
}
