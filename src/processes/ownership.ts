// Giving up root: which uid and gid a child works with, and becoming them for good.
//
// A child loads its program while it is still root (the program may lie where only root can read), then takes the group, the supplementary groups and the
// user, in this order, and only then says that it is ready; sockets come after that. setuid(2) as root sets the real, effective and saved uid, and the C library
// does it in all threads of the process.

import { ConfigurationError } from '../errors.js';
import type { SystemAccounts } from '../files/accounts.js';
import type { Layout } from '../layout.js';

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who session workers are: vpopmail and vchkpw, looked up by name.
 * @throws ConfigurationError when the host has no such user or group, or they are root's
 */
export function sessionOwner(accounts: SystemAccounts, layout: Layout): Ids {
  const user = accounts.user('vpopmail');
  const group = accounts.group('vchkpw');
  const { passwd, group: groups } = layout.systemFiles;
  if (user === undefined)
    throw new ConfigurationError(passwd, undefined, 'there is no user vpopmail, as whom sessions run; add it');
  if (group === undefined)
    throw new ConfigurationError(groups, undefined, 'there is no group vchkpw, as which sessions run; add it');
  if (user.uid === 0)
    throw new ConfigurationError(passwd, undefined, 'the user vpopmail has uid 0; sessions never run as root');
  if (group.gid === 0)
    throw new ConfigurationError(groups, undefined, 'the group vchkpw has gid 0; sessions never run as root');
  return { uid: user.uid, gid: group.gid };
}

/**
 * Makes this process the owner's: uid, gid, and no group besides. A process that is not root stays who it is. The group may be root's, as for qmail-lspawn: users are there whose group it is.
 * @throws Error when anything of root is left; the process must end then
 */
export function become({ uid, gid }: Ids): void {
  if (process.geteuid?.() !== 0) return;
  if (uid === 0) throw new Error('a session or delivery must not be root');
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (!isNothingBut({ uid, gid })) throw new Error(`could not become uid ${uid}, gid ${gid}`);
  if (canBecomeRoot()) throw new Error('root could be taken back');
}

function isNothingBut({ uid, gid }: Ids): boolean {
  const uids = [process.getuid?.(), process.geteuid?.()];
  const gids = [process.getgid?.(), process.getegid?.(), ...(process.getgroups?.() ?? [])];
  return uids.every((id) => id === uid) && gids.every((id) => id === gid);
}

function canBecomeRoot(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}
