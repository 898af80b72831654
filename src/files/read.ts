// Reading a whole small file. Absent, present and unreadable are three results: only ENOENT is "absent" and may mean a default
// (qmail's control.c); a directory in place of the file, a missing right or a broken disk is trouble, and trouble is a temporary failure.
//
// Paths are Latin-1 strings, one character a byte (src/layout.ts). Node would encode such a string as UTF-8, so a path with a byte above 127
// goes to the system as a Buffer: `bytesPath`.

import type { BigIntStats, PathLike } from 'node:fs';
import fs from 'node:fs';
import { CorruptFileError, errnoOf, TemporaryError, troubleWith } from '../errors.js';

/** The path as the system wants it: the string itself when it is ASCII, else its bytes. */
export function bytesPath(path: string): string | Buffer {
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, 'latin1');
}

/** Whether a thrown system error says that nothing is there. ENOTDIR is not that: then something else stands in the way. */
export function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT';
}

/** What a peer is told when a file of this host cannot be read; the cause, with its path, is for the log. */
export function fileTrouble(error: unknown): Error {
  if (error instanceof CorruptFileError || error instanceof TemporaryError) return error;
  return troubleWith('temporary trouble with a file of this host', error);
}

/** Something else than a file stands at `path`: a directory, a device. */
export class NotRegularFileError extends Error {
  constructor(path: string) {
    super(`not a regular file: ${path}`);
  }
}

/** Opened for reading without waiting for anybody (a FIFO would block). undefined when nothing is there. @throws the system error */
export function openIfPresent(path: PathLike): number | undefined {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The status of an open file. @throws NotRegularFileError */
export function regularStatus(fd: number, path: string): BigIntStats {
  const status = fs.fstatSync(fd, { bigint: true });
  if (!status.isFile()) throw new NotRegularFileError(path);
  return status;
}

/** Reads up to `length` bytes at `position`; fewer only at the end of the file. @throws the system error */
export function readAt(fd: number, position: number, length: number): Buffer {
  return fillFrom(fd, position, Buffer.allocUnsafe(length));
}

/** As `readAt`, for bytes that are kept: memory of their own, where a small Buffer would hold on to a piece that it shares with others. */
export function readToKeep(fd: number, position: number, length: number): Buffer {
  return fillFrom(fd, position, Buffer.allocUnsafeSlow(length));
}

function fillFrom(fd: number, position: number, buffer: Buffer): Buffer {
  const { length } = buffer;
  let filled = 0;
  while (filled < length) {
    const count = fs.readSync(fd, buffer, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled === length ? buffer : buffer.subarray(0, filled);
}

/**
 * The bytes of a small file as they are now; undefined when it is absent.
 * @throws TemporaryError when it cannot be read
 */
export function readIfPresent(path: string): Buffer | undefined {
  try {
    const fd = openIfPresent(bytesPath(path));
    if (fd === undefined) return undefined;
    try {
      return readAt(fd, 0, Number(regularStatus(fd, path).size));
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}
