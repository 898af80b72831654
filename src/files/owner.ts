// Owners. Files of a domain belong to the domain's uid and gid; only root can give a file away. Run by an ordinary user (tests, the demo, a tool run as
// the domain's own uid) ownership is left as it falls.

import fs from 'node:fs';

/** Whether this process may give files to other users. */
export function mayChangeOwner(): boolean {
  return process.geteuid?.() === 0;
}

/** Gives an open file to a user and group where the process may. @throws the system error */
export function giveTo(fd: number, uid: number, gid: number): void {
  if (mayChangeOwner()) fs.fchownSync(fd, uid, gid);
}
