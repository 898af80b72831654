// Which version of a file was read: its identity (files/identity.ts) folded into one number, so that ten thousand domains can keep a few each. And reading a version whole.
//
// A version that was changed within the last 20 ms may be changed again without another identity; its mark is 0, which is no version's: the next look reads it again.

import fs from 'node:fs';
import { type Identity, isRacy, statusOf } from '../../files/identity.js';
import { bytesPath, fileTrouble, openIfPresent, readAt, regularStatus } from '../../files/read.js';

/** The mark of no version. */
export const unsettled = 0;

/** A version of a file that was read. */
export interface ReadVersion {
  readonly bytes: Buffer;
  /** `unsettled`: it is to be read again soon. */
  readonly mark: number;
  readonly ctimeMs: number;
  readonly mode: number;
}

/** An identity as one number, never `unsettled`. */
export function markOf({ dev, ino, size, mtimeNs, ctimeNs }: Identity): number {
  let [low, high] = [0x811c9dc5, 0x1b873593];
  for (const part of [dev, ino, size, mtimeNs, ctimeNs]) {
    for (const word of [Number(part & 0xffffffffn), Number((part >> 32n) & 0xffffffffn)]) {
      low = Math.imul(low ^ word, 0x85ebca6b);
      high = Math.imul(high ^ word ^ (low >>> 13), 0xc2b2ae35);
    }
  }
  return (high >>> 0) * 0x100000 + ((low >>> 0) & 0xfffff) + 1;
}

/** The mark of what stands at a path; undefined when nothing does. @throws TemporaryError */
export function markAt(path: string): number | undefined {
  try {
    const status = statusOf(bytesPath(path));
    return status === undefined ? undefined : markOf(status);
  } catch (error) {
    throw fileTrouble(error);
  }
}

/** A mark of a file's content, as far as size and time tell of it, without its owner and mode; undefined when no file is there. @throws TemporaryError */
export function contentMarkAt(path: string): { readonly mark: number; readonly ctimeMs: number } | undefined {
  try {
    const status = statusOf(bytesPath(path));
    if (status === undefined || !status.isFile()) return undefined;
    const { dev, ino, size, mtimeNs } = status;
    return { mark: markOf({ dev, ino, size, mtimeNs, ctimeNs: 0n }), ctimeMs: Number(status.ctimeMs) };
  } catch (error) {
    throw fileTrouble(error);
  }
}

/** Reads a small file whole; undefined when it is absent. @throws TemporaryError */
export function readVersion(path: string): ReadVersion | undefined {
  try {
    const fd = openIfPresent(bytesPath(path));
    if (fd === undefined) return undefined;
    try {
      const readAtMs = Date.now();
      const status = regularStatus(fd, path);
      const bytes = readAt(fd, 0, Number(status.size));
      const after = fs.fstatSync(fd, { bigint: true });
      const isWhole = markOf(after) === markOf(status) && !isRacy(status, readAtMs);
      const mark = isWhole ? markOf(status) : unsettled;
      return { bytes, mark, ctimeMs: Number(status.ctimeMs), mode: Number(status.mode) };
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}
