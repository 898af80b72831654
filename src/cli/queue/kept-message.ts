// The message of a local delivery as it comes in from the queue: kept in a file whose name is gone already, as qmail-lspawn gives programs an open file.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemFailure } from '../../delivery/local/failure.js';
import { MessageSource } from '../../delivery/local/message-source.js';
import { errnoOf } from '../../errors.js';

interface NamelessFile {
  readonly readFd: number;
  readonly writeFd: number;
}

export class KeptMessage {
  #file: NamelessFile | undefined;
  #trouble: unknown;

  constructor() {
    this.#try(() => {
      this.#file = namelessFile();
    });
  }

  /** After a failure nothing more is written. */
  write(bytes: Buffer): void {
    const file = this.#file;
    if (file !== undefined && this.#trouble === undefined) this.#try(() => fs.writeFileSync(file.writeFd, bytes));
  }

  /** The whole message; its descriptor, the caller's to close, is for reading. @throws LocalFailure when it could not be kept */
  end(): MessageSource {
    if (this.#file !== undefined) fs.closeSync(this.#file.writeFd);
    if (this.#file !== undefined && this.#trouble === undefined) return new MessageSource(this.#file.readFd);
    if (this.#file !== undefined) fs.closeSync(this.#file.readFd);
    throw systemFailure('Unable to keep the message', this.#trouble);
  }

  #try(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#trouble = error;
    }
  }
}

let made = 0;

/** @throws the system error */
function namelessFile(): NamelessFile {
  const name = `message.${process.pid}.${Date.now()}.${++made}`;
  for (const directory of [os.tmpdir(), '/tmp']) {
    try {
      return openNameless(path.join(directory, name));
    } catch (error) {
      // The queue's own place for such files may be closed to this user.
      if (directory === '/tmp' || errnoOf(error) !== 'EACCES') throw error;
    }
  }
  throw new Error('no place for the message');
}

function openNameless(file: string): NamelessFile {
  const writeFd = fs.openSync(file, 'wx', 0o600);
  try {
    return { readFd: fs.openSync(file, 'r'), writeFd };
  } catch (error) {
    fs.closeSync(writeFd);
    throw error;
  } finally {
    fs.unlinkSync(file);
  }
}
