// What has been copied from one place into one account: a file of JSON values, one a line, that only grows. It is what makes a copy that is repeated, or was killed, put nothing in twice.
//
//   {"copy":1,"from":"imaps://joe@old.example:993","to":"joe@example.jp"}       the first line
//   {"folder":"Work","generation":"1795485529","uidValidity":7}                 of the source and of the target, when the folder is first opened, and when either has become another one
//   {"folder":"Work","trying":["12","13"],"uidNext":5}                          ids of the source that are about to be put in; durable before they are
//   {"folder":"Work","done":[["12",5,"Qm9k...","FS $Label1"],["13",6,"...",""]]}  id, UID in the target (null: not known), hash of the text, flags as of the source
//
// What was tried and is not done may be in the target or not; the target's messages from `uidNext` on tell by their hashes. The same holds for all that was done when the target has another
// UIDVALIDITY. When the source has another generation, its messages are known by their hashes alone. A last line that was cut off is dropped. The file is locked with flock while it is used.

import fs from 'node:fs';
import { ConfigurationError, TemporaryError } from '../../src/errors.js';
import { type HeldLock, tryLock } from '../../src/files/locks/lock.js';
import { bytesPath, readIfPresent } from '../../src/files/read.js';
import type { Owner } from '../../src/stores/mailboxes/mailbox-types.js';

export type DoneMessage = readonly [id: string, uid: number | null, hash: string, flags: string];

type Line =
  | { readonly copy: 1; readonly from: string; readonly to: string }
  | { readonly folder: string; readonly generation: string; readonly uidValidity: number }
  | { readonly folder: string; readonly trying: readonly string[]; readonly uidNext: number }
  | { readonly folder: string; readonly done: readonly DoneMessage[] };

/** What is known of one folder. */
export class FolderRecord {
  generation = '';
  uidValidity = 0;
  readonly done = new Map<string, DoneMessage>();
  /** Hashes of what was copied from an earlier generation of the source, with their UIDs. */
  readonly byHash = new Map<string, (number | null)[]>();
  /** May have been put in: id and the lowest UID that it can have. */
  readonly tried = new Map<string, number>();

  /** Takes a line in. */
  apply(line: Exclude<Line, { copy: 1 }>): void {
    if ('generation' in line) this.#begin(line.generation, line.uidValidity);
    else if ('trying' in line) for (const id of line.trying) this.tried.set(id, line.uidNext);
    else
      for (const message of line.done) {
        this.done.set(message[0], message);
        this.tried.delete(message[0]);
      }
  }

  #begin(generation: string, uidValidity: number): void {
    if (this.uidValidity !== 0 && this.uidValidity !== uidValidity) {
      for (const id of [...this.done.keys(), ...this.tried.keys()]) this.tried.set(id, 1);
      this.done.clear();
      this.byHash.clear();
    }
    if (this.generation !== '' && this.generation !== generation) {
      for (const [, uid, hash] of this.done.values()) this.byHash.set(hash, [...(this.byHash.get(hash) ?? []), uid]);
      this.done.clear();
      this.tried.clear();
    }
    this.generation = generation;
    this.uidValidity = uidValidity;
  }
}

export class Journal {
  readonly #fd: number;
  readonly #lock: HeldLock;
  readonly #folders: Map<string, FolderRecord>;

  private constructor(fd: number, lock: HeldLock, folders: Map<string, FolderRecord>) {
    this.#fd = fd;
    this.#lock = lock;
    this.#folders = folders;
  }

  /**
   * Opens the file or begins it.
   * @param path disk path @param owner whose a new file is, where this process may give it away
   * @throws ConfigurationError for a file that is no such journal or of another copy; TemporaryError when another process has it; the system error
   */
  static open(path: string, from: string, to: string, owner: Owner): Journal {
    const lock = tryLock(path, { kind: 'flock', ...owner });
    if (lock === undefined)
      throw new TemporaryError('4.3.0', `${path}: another copy between the same accounts is at work`);
    try {
      const { folders, length } = read(path, from, to);
      const fd = fs.openSync(bytesPath(path), 'a');
      fs.ftruncateSync(fd, length);
      const journal = new Journal(fd, lock, folders);
      if (length === 0) journal.#write({ copy: 1, from, to });
      return journal;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** What is known of a folder. */
  folder(name: string): FolderRecord {
    const record = this.#folders.get(name) ?? new FolderRecord();
    this.#folders.set(name, record);
    return record;
  }

  add(line: Exclude<Line, { copy: 1 }>): void {
    this.#write(line);
    this.folder(line.folder).apply(line);
    // Whatever else is lost is found again by looking into the target.
    if ('trying' in line) fs.fdatasyncSync(this.#fd);
  }

  close(): void {
    fs.fsyncSync(this.#fd);
    fs.closeSync(this.#fd);
    this.#lock.release();
  }

  #write(line: Line): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`, 'latin1');
    for (let written = 0; written < bytes.length; ) written += fs.writeSync(this.#fd, bytes, written);
  }
}

/** @returns the folders, and how much of the file is whole lines */
function read(path: string, from: string, to: string): { folders: Map<string, FolderRecord>; length: number } {
  const text = (readIfPresent(path) ?? Buffer.alloc(0)).toString('latin1');
  const length = text.lastIndexOf('\n') + 1;
  const folders = new Map<string, FolderRecord>();
  const lines = text.slice(0, length).split('\n').slice(0, -1);
  for (const [index, each] of lines.entries()) {
    const line = parse(each);
    if (line === undefined || (index === 0) !== 'copy' in line)
      throw new ConfigurationError(
        path,
        index + 1,
        'is no line of a copy; with another --state FILE all is copied anew',
      );
    if ('copy' in line) {
      if (line.from !== from || line.to !== to)
        throw new ConfigurationError(
          path,
          1,
          `is of a copy from ${line.from} to ${line.to}; choose another --state FILE`,
        );
      continue;
    }
    const record = folders.get(line.folder) ?? new FolderRecord();
    folders.set(line.folder, record);
    record.apply(line);
  }
  return { folders, length };
}

function parse(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const isLine =
      'copy' in value ||
      ('folder' in value &&
        ('generation' in value || 'trying' in value || ('done' in value && Array.isArray(value.done))));
    return isLine ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}
