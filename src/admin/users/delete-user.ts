// Deletes an account: its lines in vpasswd, its place in .dir-control, its directory (formats/vpopmail.md 9.4). Aliases of its name stay.
//
//   under the domain's lock   vpasswd and cdb without it; .dir_control_free, .dir-control; the directory is renamed away
//   afterwards                what was renamed away is emptied, which may take long
//
//   killed                    leaves
//   before vpasswd            the account
//   after it                  no account; its directory in its place (a new account of the name is refused) or hidden (the next writer removes it)
//
// A directory is removed only where it is the account's own: below the domain's directory, without `..`, and with no other account's directory in it or above it. Links
// are not followed. Not copied: vpopmail removes whatever path the line says, as root.

import path from 'node:path';
import { describe, errnoOf } from '../../errors.js';
import {
  findRecord,
  recordsOf,
  removeRecord,
  type VpasswdText,
  type WholeRecord,
} from '../../formats/vpopmail/vpasswd-lines.js';
import { lower } from '../../mail/address.js';
import { leaveUserDirectory } from '../../stores/accounts/dir-control-file.js';
import { withAccounts } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { type RemovedDirectory, removeUnfinished, takeAway } from '../account-directory.js';
import { VpopmailError } from '../vpopmail-error.js';
import { domainToChange, giveLimitsWith } from './domain-access.js';

/** The account is gone, but its directory (a host path) could not be removed. */
export class DirectoryLeftError extends VpopmailError {
  readonly directory: string;

  constructor(directory: string, detail: string | undefined, cause?: unknown) {
    super('badVpopmailDirectory', detail, cause);
    this.directory = directory;
  }
}

/**
 * Deletes an account.
 * @throws VpopmailError Domain does not exist, User does not exist; DirectoryLeftError; TemporaryError
 */
export async function deleteUser(
  host: Host,
  account: { readonly name: string; readonly domain: string },
): Promise<void> {
  const domain = domainToChange(host, account.domain);
  const name = lower(account.name);
  await removeUnfinished(domain);
  const removed = await withAccounts(domain, async (accounts) => {
    const record = name === '' ? undefined : findRecord(accounts.text, name);
    if (record === undefined) {
      await accounts.mendIndex();
      throw new VpopmailError('userDoesNotExist');
    }
    giveLimitsWith(domain, record);
    const others = removeRecord(accounts.text, name);
    await accounts.replace(others);
    const home = ownDirectory(host, domain, record, others);
    await leaveUserDirectory(domain, home === undefined ? '' : hashOf(domain, home));
    return takeDirectory(domain, record.dir, home);
  });
  try {
    await removed.empty();
  } catch (error) {
    throw new DirectoryLeftError(removed.hostDirectory, describe(error), error);
  }
}

function takeDirectory(
  domain: Domain,
  hostDirectory: string,
  home: string | undefined,
): RemovedDirectory & { hostDirectory: string } {
  if (home === undefined)
    throw new DirectoryLeftError(hostDirectory, 'it is not the directory of this account alone, and stays');
  try {
    return { ...takeAway(domain, home), hostDirectory };
  } catch (error) {
    // vpopmail has no more words for a directory that is not there.
    throw new DirectoryLeftError(hostDirectory, errnoOf(error) === 'ENOENT' ? undefined : describe(error), error);
  }
}

/** The disk path of an account's directory; undefined when it may not be removed with it. */
function ownDirectory(host: Host, domain: Domain, record: WholeRecord, others: VpasswdText): string | undefined {
  const home = host.layout.disk(record.dir);
  const isBelow = home.startsWith(`${domain.directory}/`) && !record.dir.split('/').includes('..');
  if (record.dir === '' || !isBelow) return undefined;
  const own = `${plainPath(record.dir)}/`;
  for (const { dir } of recordsOf(others)) {
    const other = `${plainPath(dir)}/`;
    if (dir !== '' && (other.startsWith(own) || own.startsWith(other))) return undefined;
  }
  return home;
}

/** Without what makes paths differ that are the same; most have nothing of it, and there may be 100,000. */
function plainPath(directory: string): string {
  if (!/\/(?:\.|\/|$)/.test(directory)) return directory;
  return path.posix.normalize(directory).replace(/\/$/, '');
}

/** The sub-directory of the domain that the account's is in; '' for none. */
function hashOf(domain: Domain, home: string): string {
  return path.relative(domain.directory, path.dirname(home));
}
