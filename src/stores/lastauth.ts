// The file `lastauth` in an account's directory: the client's address as text, without LF, written at every login; its modification time is the time of the
// login (formats/vpopmail.md 7.1). vuserinfo shows both, vdeloldusers goes by the time.
//
//   192.0.2.200     2001_db8__7     (what is no letter, digit, `_`, `-`, `.` or `@` becomes `_`)
//
// vchkpw truncates the file and writes it. Here the same address again (most logins) sets the file's time alone, and another one replaces the file, so that no
// reader meets an empty one. A new file has mode 0666 less the umask, as vchkpw makes it; the directory is what keeps others out. Owner: the
// domain's. It is a stamp, not mail: it is not synced, and a crash may lose the last one. Trouble with it never stops a login.

import fs from 'node:fs';
import { errnoOf } from '../errors.js';
import { mayChangeOwner } from '../files/owner.js';
import { bytesPath } from '../files/read.js';
import { accountFiles } from '../layout.js';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Stamps a login.
 * @param directory the account's (disk path)
 * @param address the client's, as text
 * @throws the system error; ENOENT when there is no directory
 */
export function stampLogin(directory: string, address: string, owner: Owner): void {
  const file = accountFiles.lastauth(directory);
  const content = stampText(address);
  if (!touchSame(bytesPath(file), content)) replace(file, content, owner);
}

/** An address as it stands in the file. vchkpw cuts `::ffff:` off a mapped address, by its colons; the callers here have done so. */
function stampText(address: string): Buffer {
  return Buffer.from(address.replace(/[^a-zA-Z0-9_\-.@]/g, '_'), 'latin1');
}

/** Sets the time of a file that says the same already. False: it does not, or it is not there, or not ours to touch. */
function touchSame(file: string | Buffer, content: Buffer): boolean {
  let fd: number;
  try {
    fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch (error) {
    // Whatever stands in the way, the directory decides whether the file may be replaced.
    if (errnoOf(error) !== undefined) return false;
    throw error;
  }
  try {
    const found = Buffer.alloc(content.length + 1);
    if (fs.readSync(fd, found, 0, found.length, 0) !== content.length) return false;
    if (!found.subarray(0, content.length).equals(content)) return false;
    const now = Date.now() / 1000;
    fs.futimesSync(fd, now, now);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EPERM') return false;
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function replace(file: string, content: Buffer, owner: Owner): void {
  const status = fs.lstatSync(bytesPath(file), { throwIfNoEntry: false });
  const temporary = bytesPath(`${file}.${process.pid}`);
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
  try {
    try {
      fs.writeFileSync(fd, content);
      if (status?.isFile()) fs.fchmodSync(fd, status.mode & 0o777);
      if (mayChangeOwner()) fs.fchownSync(fd, owner.uid, owner.gid);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, bytesPath(file));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}
