// Files whose names are gone already, as programs are given a message: they go with the last descriptor.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errnoOf } from '../errors.js';
import { cLibrary } from './native/native.js';

export interface NamelessFile {
  readonly readFd: number;
  readonly writeFd: number;
}

let made = 0;

/** An empty one, to be written through one descriptor and read through the other. @throws the system error */
export function namelessFile(): NamelessFile {
  const name = `message.${process.pid}.${Date.now()}.${++made}`;
  for (const directory of [os.tmpdir(), '/tmp']) {
    try {
      return openNameless(path.join(directory, name));
    } catch (error) {
      // The place for such files may be one that is closed to this user.
      if (directory === '/tmp' || errnoOf(error) !== 'EACCES') throw error;
    }
  }
  throw new Error('no place for a file');
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

/** One of few bytes, for reading from its start. In memory where the system has such files. @throws the system error */
export function fileOfBytes(bytes: Buffer): number {
  const { readFd, writeFd } = memoryFile() ?? namelessFile();
  try {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(writeFd, bytes, at);
    return readFd;
  } catch (error) {
    fs.closeSync(readFd);
    throw error;
  } finally {
    fs.closeSync(writeFd);
  }
}

function memoryFile(): NamelessFile | undefined {
  const writeFd = cLibrary()?.memoryFile();
  if (writeFd === undefined) return undefined;
  try {
    return { readFd: fs.openSync(`/proc/self/fd/${writeFd}`, 'r'), writeFd };
  } catch {
    fs.closeSync(writeFd);
    return undefined;
  }
}
