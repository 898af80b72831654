// Listing directories. Names are Latin-1 strings, one character a byte, without `.` and `..`, in no order.

import fs from 'node:fs';
import { readdir } from 'node:fs/promises';
import { bytesPath, fileTrouble, isMissing } from './read.js';

/** The names in a directory that may be large, off the event loop; undefined when it is absent. @throws TemporaryError */
export async function listDirectory(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(bytesPath(path), { encoding: 'latin1' });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileTrouble(error);
  }
}

/** The names in a directory, a few at a time, for walks that must not hold a whole directory; nothing when it is absent. @throws TemporaryError */
export function* namesIn(path: string): Generator<string> {
  let directory: fs.Dir;
  try {
    directory = fs.opendirSync(bytesPath(path), { encoding: 'latin1', bufferSize: 256 });
  } catch (error) {
    if (isMissing(error)) return;
    throw fileTrouble(error);
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } catch (error) {
    throw fileTrouble(error);
  } finally {
    directory.closeSync();
  }
}
