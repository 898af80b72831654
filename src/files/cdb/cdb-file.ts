// A big file that is read in a few places: a cdb of a million records takes three or four short reads for one look-up. It is opened for the look-up and
// closed after it, as the original tools do; nothing is kept, so there is nothing that could be stale. This room knows no format: the shape
// below is what formats/databases/cdb.ts reads from.
//
// Replaced by rename while open: the descriptor goes on reading the old version, whole. Rewritten in place while open (nobody's habit): noticed by a
// second look at the file's times, and the look-up is done again.

import fs from 'node:fs';
import { TemporaryError } from '../../errors.js';
import { bytesPath, fileTrouble, openIfPresent, readAt, regularStatus } from '../read.js';

/** A file that is read by position. `read` gives fewer bytes than asked for only at the end of the file. */
export interface FileSource {
  readonly size: number;
  read(offset: number, length: number): Buffer;
}

const attempts = 20;

/**
 * Opens the file at `path` for the time of `use`. undefined means that the file is absent; else `value` is what `use` gave back.
 * @throws TemporaryError when it cannot be read, and whatever `use` throws
 */
export function withCdb<T>(path: string, use: (source: FileSource) => T): { readonly value: T } | undefined {
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const fd = openIfPresent(bytesPath(path));
      if (fd === undefined) return undefined;
      try {
        const result = useDescriptor(fd, path, use);
        if (result !== undefined) return result;
      } finally {
        fs.closeSync(fd);
      }
    }
  } catch (error) {
    throw fileTrouble(error);
  }
  throw new TemporaryError('4.3.0', 'a file of this host is being changed', new Error(`changes while read: ${path}`));
}

function useDescriptor<T>(fd: number, path: string, use: (source: FileSource) => T): { value: T } | undefined {
  const before = regularStatus(fd, path);
  const unchanged = (): boolean => {
    const after = fs.fstatSync(fd, { bigint: true });
    return before.mtimeNs === after.mtimeNs && before.size === after.size;
  };
  try {
    const value = use({ size: Number(before.size), read: (offset, length) => readAt(fd, offset, length) });
    return unchanged() ? { value } : undefined;
  } catch (error) {
    // What looks corrupt may be a file that was being rewritten.
    if (!unchanged()) return undefined;
    throw error;
  }
}
