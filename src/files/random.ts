// The system's random numbers, for salts, passwords and names. Loading node:crypto for them takes a tool longer than the rest of its work.

import fs from 'node:fs';
import { createRequire } from 'node:module';

const source = '/dev/urandom';

/** Random bytes that nobody can guess. */
export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return isFilled(bytes) ? bytes : fromNode(length);
}

function isFilled(bytes: Buffer): boolean {
  try {
    const fd = fs.openSync(source, 'r');
    try {
      // Another file in its place would not do.
      return fs.fstatSync(fd).isCharacterDevice() && fs.readSync(fd, bytes, 0, bytes.length, null) === bytes.length;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return false;
  }
}

/** For places without the device. */
function fromNode(length: number): Buffer {
  const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  return crypto.randomBytes(length);
}
