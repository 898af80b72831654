// Writing .dir-control anew as vpopmail's listings leave it: vdominfo opens the count of every domain that it shows and writes it back, with the mode of whoever runs it.
//
// Where the bytes are right already only mode and owner are set, so no count is lost to a listing. Else the file is read again and replaced under the domain's lock,
// which our writers hold, or without it where there is none.

import fs from 'node:fs';
import { statusOf } from '../../files/identity.js';
import { withLock } from '../../files/locks/lock.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../files/read.js';
import { serializeDirControl } from '../../formats/vpopmail/dir-control.js';
import { dirControlFiles, domainFiles } from '../../layout.js';
import { type DirControlPlace, readDirControl, writeDirControl } from './dir-control-file.js';

/** Leaves .dir-control as vdominfo would. Nothing is made where there is no directory. @throws TemporaryError */
export async function refreshDirControl(place: DirControlPlace & { readonly mode: number }): Promise<void> {
  if (statusOf(bytesPath(place.directory)) === undefined) return;
  if (isCurrent(place)) touchUp(place);
  else await underLock(place, () => writeDirControl(place, readDirControl(place)));
}

function isCurrent(place: DirControlPlace): boolean {
  const bytes = readIfPresent(dirControlFiles.state(place.directory));
  return bytes?.equals(serializeDirControl(readDirControl(place))) ?? false;
}

function touchUp({ directory, uid, gid, mode }: DirControlPlace & { readonly mode: number }): void {
  try {
    const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
    const fd = fs.openSync(bytesPath(dirControlFiles.state(directory)), flags);
    try {
      fs.fchmodSync(fd, mode);
      giveTo(fd, uid, gid);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}

async function underLock(place: DirControlPlace, work: () => Promise<void>): Promise<void> {
  const lock = domainFiles.vpasswdLock(place.directory);
  if (statusOf(bytesPath(lock)) === undefined) await work();
  else await withLock(lock, { kind: 'fcntl', create: false }, work);
}
