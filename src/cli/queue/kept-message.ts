// The message of a local delivery as it comes in from the queue: kept in memory while it is small, else in a file whose name is gone already. Programs get an open file of it, as from
// qmail-lspawn.

import fs from 'node:fs';
import { systemFailure } from '../../delivery/local/failure.js';
import { MessageSource } from '../../delivery/local/message-source.js';
import { type NamelessFile, namelessFile } from '../../files/nameless-file.js';

const largestInMemory = 256 * 1024;

export class KeptMessage {
  #pieces: Buffer[] = [];
  #sizeBytes = 0;
  #file: NamelessFile | undefined;
  #trouble: { readonly error: unknown } | undefined;

  /** After a failure nothing more is kept. */
  write(bytes: Buffer): void {
    if (this.#trouble !== undefined) return;
    this.#sizeBytes += bytes.length;
    this.#pieces.push(bytes);
    if (this.#sizeBytes <= largestInMemory) return;
    try {
      this.#file ??= namelessFile();
      for (const piece of this.#pieces) fs.writeFileSync(this.#file.writeFd, piece);
    } catch (error) {
      this.#trouble = { error };
    }
    this.#pieces = [];
  }

  /** The whole message, for the caller to close. @throws LocalFailure when it could not be kept */
  end(): MessageSource {
    if (this.#trouble !== undefined) {
      this.forget();
      throw systemFailure('Unable to keep the message', this.#trouble.error);
    }
    if (this.#file === undefined) return new MessageSource(Buffer.concat(this.#pieces));
    fs.closeSync(this.#file.writeFd);
    return new MessageSource(this.#file.readFd);
  }

  /** It is not to be delivered. */
  forget(): void {
    if (this.#file === undefined) return;
    fs.closeSync(this.#file.writeFd);
    fs.closeSync(this.#file.readFd);
    this.#file = undefined;
  }
}
