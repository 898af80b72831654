// Making very many new files durable with one call: syncfs(2) writes out all of the file system that a path lies on. For bulk work alone: on a busy host it waits for
// everybody's data, where an fsync waits for one's own. Where it cannot be called (Linux alone has it), sync(2) for all file systems is.

import fs from 'node:fs';
import { loadKoffi } from './native/koffi.js';
import { bytesPath, fileTrouble } from './read.js';

interface AsyncCall {
  async(...args: unknown[]): void;
}

/** Resolves when all that was written on the file system of `path` is durable. @throws TemporaryError */
export async function syncFileSystem(path: string): Promise<void> {
  try {
    const fd = fs.openSync(bytesPath(path), fs.constants.O_RDONLY);
    try {
      await callSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}

function callSync(fd: number): Promise<void> {
  const koffi = loadKoffi();
  const library = koffi.load(null);
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: number | undefined): void => {
      if (error !== null) reject(error);
      else if (result === -1) reject(new Error('syncfs failed'));
      else resolve();
    };
    if (process.platform === 'linux') (library.func('syncfs', 'int', ['int']) as unknown as AsyncCall).async(fd, done);
    else (library.func('sync', 'void', []) as unknown as AsyncCall).async(done);
  });
}
