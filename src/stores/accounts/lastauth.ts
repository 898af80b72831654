// The file `lastauth` in an account's directory: the client's address as text, without LF, written at every login; its modification time is the time of the
// login (formats/vpopmail.md 7.1). vuserinfo shows both, vdeloldusers goes by the time.
//
//   192.0.2.200     2001_db8__7     (what is no letter, digit, `_`, `-`, `.` or `@` becomes `_`)
//
// vchkpw truncates the file and writes it. Here the bytes are written over the old ones and what is left of a longer address is cut off, so no reader meets an empty
// file, and no login makes the disk write (ext4 writes out a file at once that was truncated or renamed over another). The same address again, most
// logins, sets the file's time alone. What is no plain file is replaced. A new file has mode 0666 less the umask, as vchkpw makes it; the directory keeps others out.
// Owner: the domain's. It is a stamp, not mail: it is not synced, and a crash may lose the last one. Trouble with it never stops a login.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { accountFiles } from '../../layout.js';

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
  const file = bytesPath(accountFiles.lastauth(directory));
  const content = stampText(address);
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    write(fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK), content);
    return;
  } catch (error) {
    if (!['ENOENT', 'ELOOP', 'EACCES', 'ENXIO'].includes(errnoOf(error) ?? '')) throw error;
    if (errnoOf(error) !== 'ENOENT') fs.unlinkSync(file);
  }
  const fd = fs.openSync(file, O_RDWR | O_CREAT | O_EXCL, 0o666);
  if (mayChangeOwner()) fs.fchownSync(fd, owner.uid, owner.gid);
  write(fd, content);
}

/** An address as it stands in the file. vchkpw cuts `::ffff:` off a mapped address, by its colons; the callers here have done so. */
function stampText(address: string): Buffer {
  return Buffer.from(address.replace(/[^a-zA-Z0-9_\-.@]/g, '_'), 'latin1');
}

/** Makes the content of an open file this, or its time now when it is that already. Closes it. */
function write(fd: number, content: Buffer): void {
  try {
    const found = Buffer.alloc(content.length + 1);
    const length = fs.readSync(fd, found, 0, found.length, 0);
    if (length === content.length && found.subarray(0, length).equals(content)) {
      const now = Date.now() / 1000;
      fs.futimesSync(fd, now, now);
      return;
    }
    if (length > content.length) fs.ftruncateSync(fd, content.length);
    fs.writeSync(fd, content, 0, content.length, 0);
  } finally {
    fs.closeSync(fd);
  }
}
