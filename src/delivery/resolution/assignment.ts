// As whom, and in which directory, is mail for a local part delivered? qmail-lspawn's question (formats/qmail.md 5.2, 5.3):
//
//   users/cdb has it             what it says; vpopmail's domains are there as wildcards
//   a system user is so called   the longest part before a `-` (or all) that is a user with a home of its own: its home, and what follows the `-`
//   otherwise                    the user alias, its home, `-`, the whole local part
//
// uid 0 is never delivered as. A user counts only when the home can be looked at and belongs to it.

import fs from 'node:fs';
import { errnoOf, temporaryErrnos, troubleWith } from '../../errors.js';
import type { SystemUser } from '../../files/accounts.js';
import { bytesPath } from '../../files/read.js';
import { lower } from '../../mail/address.js';
import { defer } from './outcomes.js';
import type { Outcome, Owner } from './resolution.js';
import type { Way } from './way.js';

/** qmail-local's arguments. */
export interface LocalRecipient {
  readonly user: string;
  readonly owner: Owner;
  /** Whether it is one of the system's own users, which neither users/cdb nor the lack of anybody else (alias) has led to. */
  readonly isSystemUser: boolean;
  /** Disk path and host path of the home directory. */
  readonly directory: string;
  readonly hostDirectory: string;
  readonly dash: string;
  readonly extension: string;
  /** The rewritten address, whole, and its domain. */
  readonly address: string;
  readonly domain: string;
}

/** What the question needs of a way. */
type Where = Pick<Way, 'host' | 'explain'>;

/** qmail-getpw looks up no longer names. */
const longestUser = 31;

/** @throws TemporaryError or CorruptFileError when it cannot be told */
export function assign(
  way: Where,
  local: string,
  address: { readonly address: string; readonly domain: string },
): LocalRecipient | Outcome {
  const { host, explain } = way;
  const shownCdb = host.layout.host(host.layout.usersCdb);
  const found = host.users.find(local);
  if (found === undefined) return systemUser(way, local, address);
  const { user, uid, gid, dash, extension } = found;
  explain?.(
    `${shownCdb}: ${found.isWildcard ? '+' : '='}${found.name} gives it to ${user}, uid ${uid}, gid ${gid}, in ${found.directory}`,
  );
  if (uid === 0) return defer('4.3.0', 'Not allowed to perform deliveries as root. (#4.3.0)', `${shownCdb}: uid 0`);
  if (!found.directory.startsWith('/')) return notAbsolute(shownCdb, found.directory);
  const directory = withoutFinalSlash(host.layout.disk(found.directory));
  const owner = { uid, gid };
  return { user, owner, isSystemUser: false, directory, hostDirectory: found.directory, dash, extension, ...address };
}

/** The path of a directory in the one form that its files are looked up by. */
export function withoutFinalSlash(directory: string): string {
  return directory.endsWith('/') ? directory.replace(/(?<=.)\/+$/, '') : directory;
}

function systemUser(
  way: Where,
  local: string,
  address: { readonly address: string; readonly domain: string },
): LocalRecipient | Outcome {
  const { host, explain } = way;
  for (let cut = local.length; cut >= 0; cut--) {
    if (cut < local.length && local[cut] !== '-') continue;
    const user = cut > longestUser ? undefined : host.accounts.user(lower(local.slice(0, cut)));
    if (user === undefined || !ownsItsHome(way, user)) continue;
    const isWhole = cut === local.length;
    const dash = isWhole ? '' : '-';
    explain?.(`the system user ${user.name} has the name ${local.slice(0, cut)}`);
    return homeOf(way, user, { dash, extension: isWhole ? '' : local.slice(cut + 1), ...address });
  }
  const alias = host.accounts.user('alias');
  if (alias === undefined) return defer('4.3.0', 'Unable to find alias user! (#4.3.0)', 'this host has no user alias');
  if (!alias.home.startsWith('/')) return notAbsolute('the user alias', alias.home);
  explain?.(`neither an assignment nor a system user is called ${local}: the user alias gets it`);
  return homeOf(way, alias, { dash: '-', extension: local, ...address });
}

function homeOf(
  way: Where,
  user: SystemUser,
  rest: Pick<LocalRecipient, 'dash' | 'extension' | 'address' | 'domain'>,
): LocalRecipient {
  const owner = { uid: user.uid, gid: user.gid };
  const directory = way.host.layout.disk(user.home);
  return { user: user.name, owner, isSystemUser: user.name !== 'alias', directory, hostDirectory: user.home, ...rest };
}

/** qmail-local refuses such a home, and the mail bounces; here it is trouble of the host. */
function notAbsolute(where: string, home: string): Outcome {
  return defer('4.3.5', 'temporary trouble with this mailbox. (#4.3.5)', `${where}: ${home} is not absolute`);
}

/** Where a home is not absolute the originals look for it below qmail's own directory. @throws TemporaryError when a home cannot be looked at for a reason that may pass */
function ownsItsHome(way: Where, user: SystemUser): boolean {
  if (user.uid === 0 || !user.home.startsWith('/')) return false;
  try {
    const home = fs.statSync(bytesPath(way.host.layout.disk(user.home)), { throwIfNoEntry: false });
    return home?.uid === user.uid;
  } catch (error) {
    if (!temporaryErrnos.has(errnoOf(error) ?? '')) return false;
    throw troubleWith('NFS failure in qmail-local. (#4.3.0)', error);
  }
}
