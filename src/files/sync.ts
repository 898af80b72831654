// Making files and directory entries durable, off the event loop. After a rename or link into a directory only an fsync of that directory brings the new name safely over a crash
// (none of the original tools does it; readers cannot tell).
//
// One fsync covers every rename that was done before it began. Callers that arrive while one of the same directory runs therefore wait for the
// next one, all together: under load, one fsync a round instead of one a message. A caller never gets the running one, which may have
// begun before its own rename.

import fs from 'node:fs';
import { bytesPath, fileTrouble } from './read.js';

interface Rounds {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** Makes the content of an open file durable. @throws the system error */
export function syncFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** The directories that are being synced. */
export class DirectorySync {
  readonly #rounds = new Map<string, Rounds>();
  readonly #fsync: (path: string) => Promise<void>;

  /** @param fsync syncs one directory; another one in tests */
  constructor(fsync: (path: string) => Promise<void> = fsyncDirectory) {
    this.#fsync = fsync;
  }

  /** Resolves when every entry that was in the directory at the time of the call is durable. @throws TemporaryError */
  sync(path: string): Promise<void> {
    const rounds = this.#rounds.get(path);
    if (rounds === undefined) return this.#start(path);
    rounds.next ??= rounds.running.then(
      () => this.#start(path),
      () => this.#start(path),
    );
    return rounds.next;
  }

  #start(path: string): Promise<void> {
    const running = this.#fsync(path);
    const rounds: Rounds = { running, next: undefined };
    this.#rounds.set(path, rounds);
    const done = (): void => {
      if (this.#rounds.get(path) === rounds && rounds.next === undefined) this.#rounds.delete(path);
    };
    running.then(done, done);
    return running;
  }
}

function fsyncDirectory(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let fd: number;
    try {
      fd = fs.openSync(bytesPath(path), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    } catch (error) {
      reject(fileTrouble(error));
      return;
    }
    fs.fsync(fd, (error) => {
      fs.closeSync(fd);
      if (error === null) resolve();
      else reject(fileTrouble(error));
    });
  });
}

// One for the process, since rounds are shared by all who write; it holds calls in flight and nothing else.
const processWide = new DirectorySync();

/** Makes the entries of a directory durable, together with all other callers of the moment. @throws TemporaryError */
export function syncDirectory(path: string): Promise<void> {
  return processWide.sync(path);
}
