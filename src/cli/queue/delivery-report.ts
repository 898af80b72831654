// What one local delivery and its programs say, in the order in which they say it: the report that qmail-lspawn reads. Programs write into a pipe, which they may open anew as /dev/stderr; what
// they have written is taken out of it before the delivery says something itself.

import fs from 'node:fs';
import net from 'node:net';
import { cLibrary } from '../../files/native/native.js';

/** More than is ever reported; what is said beyond it is thrown away. */
const longest = 64 * 1024;

interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
  /** Resolves when nobody can write into it any more. */
  readonly closed: Promise<void>;
}

export class DeliveryReport {
  #text = '';
  #pipe: Pipe | undefined;

  /** Where programs write: a descriptor, or, where there are no pipes to be had, a function. */
  get output(): number | ((bytes: Buffer) => void) {
    this.#pipe ??= this.#open();
    return this.#pipe?.writeFd ?? ((bytes) => this.#add(bytes.toString('latin1')));
  }

  /** @param text a string is Latin-1 */
  say(text: string | Buffer): void {
    this.#drain();
    this.#add(text.toString('latin1'));
  }

  /** The whole, Latin-1. Waits for programs that were left behind and may still write, as qmail-lspawn does. */
  async end(): Promise<string> {
    if (this.#pipe !== undefined) fs.closeSync(this.#pipe.writeFd);
    await this.#pipe?.closed;
    return this.#text;
  }

  #open(): Pipe | undefined {
    const ends = cLibrary()?.pipe();
    if (ends === undefined) return undefined;
    const reader = new net.Socket({ fd: ends.readFd, readable: true, writable: false });
    const closed = new Promise<void>((resolve) => reader.on('error', () => {}).once('close', () => resolve()));
    reader.on('data', (bytes: Buffer) => this.#add(bytes.toString('latin1')));
    return { ...ends, closed };
  }

  #drain(): void {
    if (this.#pipe === undefined) return;
    const buffer = Buffer.allocUnsafe(longest);
    try {
      for (;;) {
        const count = fs.readSync(this.#pipe.readFd, buffer);
        if (count === 0) return;
        this.#add(buffer.toString('latin1', 0, count));
      }
    } catch {
      // Nothing is in it.
    }
  }

  #add(text: string): void {
    if (this.#text.length < longest) this.#text += text;
  }
}
