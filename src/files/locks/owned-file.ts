// A new lock file that belongs to whom it should from the moment that it has its name. A program that finds one of root's gives up (vpopmail's), or goes on without a lock that it may not look at
// (Dovecot). So root makes it under another name and links it into place when it is finished; everybody else makes it where it is to be. A crash leaves one of a name that nobody looks for.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { giveTo, mayChangeOwner } from '../owner.js';
import { bytesPath } from '../read.js';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** @param path of the new file, Latin-1 @returns its descriptor; undefined when the name is taken @throws the system error */
export function makeOwnedFile(path: string, owner: FileOwner, text: string): number | undefined {
  try {
    return mayChangeOwner() ? makeAside(path, owner, text) : make(path, owner.mode, text);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

function makeAside(path: string, { uid, gid, mode }: FileOwner, text: string): number | undefined {
  if (fs.lstatSync(bytesPath(path), { throwIfNoEntry: false }) !== undefined) return undefined;
  const aside = `${path}.${process.pid}`;
  fs.rmSync(bytesPath(aside), { force: true });
  const fd = make(aside, mode, text);
  try {
    giveTo(fd, uid, gid);
    fs.fchmodSync(fd, mode);
    fs.linkSync(bytesPath(aside), bytesPath(path));
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  } finally {
    fs.rmSync(bytesPath(aside), { force: true });
  }
}

function make(path: string, mode: number, text: string): number {
  const fd = fs.openSync(bytesPath(path), 'wx', mode);
  try {
    fs.writeSync(fd, text);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    fs.rmSync(bytesPath(path), { force: true });
    throw error;
  }
}
