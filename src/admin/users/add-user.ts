// Adds an account: a line in vpasswd with its cdb, a directory with a Maildir, one more in .dir-control (formats/vpopmail.md 9.4). All under the domain's lock, in an
// order in which a crash leaves the account there or not there:
//
//   1  the directory is made where nobody looks (admin/account-directory.ts)      3  .dir-control counts one more
//   2  vpasswd and vpasswd.cdb are written beside themselves                       4  both are renamed     5  the directory is renamed into its place
//
//   killed before 4     no account; what was made is removed by the next writer; .dir-control, which is a hint, may count one too many
//   killed before 5     the account is there, and its next login or delivery makes the directory, as the originals' do
//
// A failure before 4 removes what was made. As with vadduser, a directory that is already there counts in .dir-control, and a sub-directory for the next hundred stays.

import path from 'node:path';
import { syncDirectory } from '../../files/sync.js';
import { findRecord, insertRecords } from '../../formats/vpopmail/vpasswd-lines.js';
import type { DirControlPlace } from '../../stores/accounts/dir-control-file.js';
import { makeHashDirectory, planUserDirectories } from '../../stores/accounts/dir-control-file.js';
import { type LockedAccounts, withAccounts } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { isTaken, removeUnfinished, StagedDirectories } from '../account-directory.js';
import { VpopmailError } from '../vpopmail-error.js';
import { isForbiddenName, longestLine } from './account-rules.js';
import { Hasher, styleOf } from './account-style.js';
import { domainToChange } from './domain-access.js';
import {
  type AddUserRequest,
  checkRequest,
  limitsOf,
  type NewAccount,
  placedRecord,
  prepareAccount,
  schemeOf,
} from './new-account.js';

export type { AddUserRequest, NewSecret } from './new-account.js';

/**
 * Adds an account.
 * @throws VpopmailError for what vpopmail refuses, TemporaryError; nothing is left then
 */
export async function addUser(host: Host, request: AddUserRequest): Promise<void> {
  checkRequest(request);
  const scheme = schemeOf(request.secret);
  const domain = domainToChange(host, request.domain);
  const account = await prepareAccount(request, limitsOf(domain), styleOf(host, domain, scheme), new Hasher());
  await removeUnfinished(domain);
  await withAccounts(domain, (accounts) => add(domain, accounts, account));
}

async function add(domain: Domain, accounts: LockedAccounts, account: NewAccount): Promise<void> {
  const { name, quota } = account;
  if (findRecord(accounts.text, name) !== undefined) {
    await accounts.mendIndex();
    throw new VpopmailError('usernameExists');
  }
  const place: DirControlPlace = domain;
  const plan = planUserDirectories(place, 1);
  const [hash = ''] = plan.directories;
  const target = path.join(domain.directory, hash, name);
  // vpopmail fails to make a directory of such a name where one is already, or none is above it.
  if (isForbiddenName(name) && !isTaken(path.join(domain.directory, name))) throw new VpopmailError('illegalUsername');
  await makeHashDirectory(place, hash);
  if (isTaken(target)) await refuseTaken(plan);
  if (isForbiddenName(name)) throw new VpopmailError('illegalUsername');
  const record = placedRecord(account, domain, hash, longestLine(accounts.text));

  const staged = StagedDirectories.create(domain);
  try {
    staged.make(name, quota);
    await staged.sync(name);
    const prepared = await accounts.prepare(insertRecords(accounts.text, [record]));
    try {
      await plan.commit();
    } catch (error) {
      await prepared.abandon();
      throw error;
    }
    await prepared.commit();
    staged.move(name, target);
    await syncDirectory(path.dirname(target));
  } finally {
    await staged.discard();
  }
}

async function refuseTaken(plan: { commit(): Promise<void> }): Promise<never> {
  await plan.commit();
  throw new VpopmailError('userDirectoryExists');
}
