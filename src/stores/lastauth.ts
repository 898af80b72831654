// The file `lastauth` in an account's directory: the client's address as text, without LF, written at every login; its modification time is the time of the
// login (formats/vpopmail.md 7.1). vuserinfo shows both, vdeloldusers goes by the time.
//
// vchkpw truncates the file and writes it; here it is replaced, so that no reader meets an empty one. It is a stamp, not mail: it is not synced, and a crash may lose the
// last one. Owner: the domain's. Trouble with it never stops a login.

import fs from 'node:fs';
import { giveTo } from '../files/owner.js';
import { bytesPath } from '../files/read.js';
import { accountFiles } from '../layout.js';

/**
 * Stamps a login.
 * @param directory the account's (disk path)
 * @param address the client's, as text
 * @throws the system error
 */
export function stampLogin(directory: string, address: string, owner: { uid: number; gid: number }): void {
  const file = accountFiles.lastauth(directory);
  const mode = fs.statSync(bytesPath(file), { throwIfNoEntry: false })?.mode ?? 0o600;
  const temporary = bytesPath(`${file}.${process.pid}`);
  const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;
  const fd = fs.openSync(temporary, flags, mode & 0o777);
  try {
    giveTo(fd, owner.uid, owner.gid);
    fs.writeSync(fd, address, null, 'latin1');
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, bytesPath(file));
}
