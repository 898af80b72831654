// A parsed file together with the identity it was read at. One `stat` on use decides whether what is kept is still what stands on the disk, so a
// change by any program is seen by the very next look, and so is the file's appearance or disappearance: absence is never remembered.
//
//   the file is                       get() gives
//   absent                            undefined, after one stat
//   as it was                         the kept value, after one stat
//   replaced by rename while read     the old or the new version, whole (one descriptor is read to its end)
//   rewritten in place while read     read again until two looks agree, then the whole new version
//   changed within the last 20 ms     read again at every use until it has settled (files/identity.ts)
//   unreadable, or refused by parse   throws each time; nothing is kept, not even the former value
//
// `Snapshots` is a bounded set of them by path, for files of which a host has thousands.

import type { BigIntStats } from 'node:fs';
import fs from 'node:fs';
import { TemporaryError } from '../errors.js';
import { type Identity, isRacy, sameIdentity, statusOf } from './identity.js';
import { bytesPath, fileTrouble, openIfPresent, readToKeep, regularStatus } from './read.js';

/** Turns the bytes of one version into a value; may throw CorruptFileError. `path` is for messages, `status` for who needs the mode. */
export type Parse<T> = (bytes: Buffer, path: string, status: BigIntStats) => T;

interface Version<T> {
  readonly identity: Identity;
  readonly settled: boolean;
  readonly value: T;
}

/** How often a file that changes under the reader is read again before that is called trouble. */
const attempts = 20;

/** One file, parsed once per version. */
export class Snapshot<T> {
  readonly path: string;
  readonly #systemPath: string | Buffer;
  readonly #parse: Parse<T>;
  #version: Version<T> | undefined;

  constructor(path: string, parse: Parse<T>) {
    this.path = path;
    this.#systemPath = bytesPath(path);
    this.#parse = parse;
  }

  /**
   * What the file says now; undefined when it is absent.
   * @param looked what a look at the file in this very moment gave, to save another one
   * @throws TemporaryError when it cannot be read, and whatever `parse` throws
   */
  get(looked?: Identity): T | undefined {
    const kept = this.#version;
    try {
      const status = looked ?? statusOf(this.#systemPath);
      if (status !== undefined && kept?.settled && sameIdentity(kept.identity, status)) return kept.value;
      this.#version = undefined;
      this.#version = status === undefined ? undefined : this.#read();
    } catch (error) {
      this.#version = undefined;
      throw fileTrouble(error);
    }
    return this.#version?.value;
  }

  /** The size in bytes of what is kept; 0 when nothing is. */
  get keptBytes(): number {
    return this.#version === undefined ? 0 : Number(this.#version.identity.size);
  }

  #read(): Version<T> | undefined {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const fd = openIfPresent(this.#systemPath);
      if (fd === undefined) return undefined;
      try {
        const version = this.#readDescriptor(fd);
        if (version !== undefined) return version;
      } finally {
        fs.closeSync(fd);
      }
    }
    throw new TemporaryError(
      '4.3.0',
      'a file of this host is being changed',
      new Error(`changes while read: ${this.path}`),
    );
  }

  #readDescriptor(fd: number): Version<T> | undefined {
    const readAtMs = Date.now();
    const before = regularStatus(fd, this.path);
    const bytes = readToKeep(fd, 0, Number(before.size));
    const after = fs.fstatSync(fd, { bigint: true });
    // Compared without the change time alone: a rename over our inode moves it, and the bytes are still whole.
    if (before.mtimeNs !== after.mtimeNs || before.size !== after.size || bytes.length !== Number(before.size))
      return undefined;
    const { dev, ino, size, mtimeNs, ctimeNs } = before;
    const identity = { dev, ino, size, mtimeNs, ctimeNs };
    const settled = !isRacy(identity, readAtMs);
    // Two versions of one size, written within a tick of the kernel's clock, have one identity: what was read may be half of each.
    if (!settled && !readToKeep(fd, 0, bytes.length).equals(bytes)) return undefined;
    return { identity, settled, value: this.#parse(bytes, this.path, before) };
  }
}

/** How much a set of snapshots may keep. */
export interface SnapshotLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Snapshots of many files with the same form; the least recently used are forgotten beyond the limits. */
export class Snapshots<T> {
  readonly #parse: Parse<T>;
  readonly #limits: SnapshotLimits;
  readonly #byPath = new Map<string, { snapshot: Snapshot<T>; bytes: number }>();
  #bytes = 0;

  constructor(parse: Parse<T>, limits: SnapshotLimits = { files: 1000, bytes: 16 * 1024 * 1024 }) {
    this.#parse = parse;
    this.#limits = limits;
  }

  /** Whether a version of the file at `path` is kept; it may be an old one. */
  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** What the file at `path` says now, as `Snapshot.get`. */
  get(path: string, looked?: Identity): T | undefined {
    const entry = this.#byPath.get(path) ?? { snapshot: new Snapshot(path, this.#parse), bytes: 0 };
    this.#forget(path, entry.bytes);
    const value = entry.snapshot.get(looked);
    // An absent file leaves nothing behind: asking for unknown names must not push out known ones.
    if (value !== undefined) this.#keep(path, entry.snapshot);
    return value;
  }

  #forget(path: string, bytes: number): void {
    if (this.#byPath.delete(path)) this.#bytes -= bytes;
  }

  #keep(path: string, snapshot: Snapshot<T>): void {
    const bytes = snapshot.keptBytes;
    this.#byPath.set(path, { snapshot, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#byPath) {
      if (this.#byPath.size <= this.#limits.files && this.#bytes <= this.#limits.bytes) return;
      this.#forget(oldest, entry.bytes);
    }
  }
}
