// A directory for an account that has none in vpasswd, which programs other than vpopmail's own leave so: made where the next new user's would be, with its Maildir, and
// entered into vpasswd under the domain's lock. vpopmail does this at the account's first login.
//
//   a crash                       leaves
//   before vpasswd is replaced    a count in .dir-control that is too high, and a directory that stands in the way of the next try, as for vpopmail
//   after                         the account with its directory

import path from 'node:path';
import { statusOf } from '../files/identity.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { findRecord, replaceRecord } from '../formats/vpopmail/vpasswd-lines.js';
import type { Layout } from '../layout.js';
import { planUserDirectories } from '../stores/accounts/dir-control-file.js';
import { withAccounts } from '../stores/accounts/user-database.js';
import type { Account, Domain } from '../stores/domains/domain.js';
import { makeAccountDirectory } from '../stores/maildir/maildir.js';

/**
 * @param mode of the files that are written: 0666 less the umask
 * @returns the account as it is then; undefined when something else has the directory's name, or the account is gone
 * @throws TemporaryError
 */
export async function giveDirectory(
  layout: Layout,
  domain: Domain,
  account: Account,
  mode: number,
): Promise<Account | undefined> {
  const { directory, uid, gid } = domain;
  return withAccounts(domain, async (accounts) => {
    const record = findRecord(accounts.text, account.name);
    if (record === undefined) return undefined;
    const at = (dir: string): Account => ({ ...account, hostDirectory: dir, directory: layout.disk(dir) });
    if (record.dir !== '') return at(record.dir);
    const plan = planUserDirectories({ directory, uid, gid, mode }, 1);
    await plan.commit();
    const given = at(path.posix.join(domain.hostDirectory, plan.directories[0] ?? '', account.name));
    try {
      if (statusOf(bytesPath(given.directory)) !== undefined) return undefined;
      await makeAccountDirectory(given.directory, directory, { uid, gid });
    } catch (error) {
      throw fileTrouble(error);
    }
    const text = replaceRecord(accounts.text, account.name, { ...record, dir: given.hostDirectory });
    await accounts.replace(text, { mode });
    return given;
  });
}
