// Sets the quota of an account or of all accounts of a domain: in vpasswd, and in the Maildir's maildirsize, which is made anew (formats/vpopmail.md 5.2).
//
//   the new quota is      maildirsize
//   NOQUOTA, or nothing   removed
//   a limit               removed and counted again; what is counted belongs to the domain
//
// vpasswd is what counts: trouble with a maildirsize leaves a file that the next delivery makes anew.

import fs from 'node:fs';
import path from 'node:path';
import { bytesPath } from '../../files/read.js';
import { isUnlimited, parseQuota } from '../../formats/vpopmail/quota.js';
import { accountFiles } from '../../layout.js';
import type { ReplaceAccountsOptions } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { countUsage } from '../../stores/maildir/maildirsize.js';
import { checkLengths, storedQuota } from './account-rules.js';
import { styleOf } from './account-style.js';
import { changeAllUsers, changeUser } from './change-users.js';
import { domainToChange } from './domain-access.js';

/**
 * Sets the quota of one account.
 * @param argument as a person gives it; `10M,1000C`
 * @throws VpopmailError Domain does not exist, User does not exist, quota too long; TemporaryError
 */
export async function setQuota(
  host: Host,
  account: { readonly name: string; readonly domain: string },
  argument: string,
  options?: ReplaceAccountsOptions,
): Promise<void> {
  checkLengths(account.name, account.domain);
  const quota = storedQuota(argument);
  const domain = domainToChange(host, account.domain);
  const record = await changeUser(domain, account.name, styleOf(host, domain), () => ({ quota }), options);
  await renewMaildirsize(host, domain, record.dir, quota);
}

/** Sets the quota of all accounts of a domain. @throws as `setQuota` */
export async function setQuotaOfAll(
  host: Host,
  domainName: string,
  argument: string,
  options?: (accountCount: number) => ReplaceAccountsOptions,
): Promise<void> {
  checkLengths('', domainName);
  const quota = storedQuota(argument);
  const domain = domainToChange(host, domainName);
  const records = await changeAllUsers(domain, styleOf(host, domain), () => ({ quota }), options);
  for (const { dir } of records) await renewMaildirsize(host, domain, dir, quota);
}

/**
 * Makes the maildirsize of an account fit its quota. Trouble is nobody's.
 * @param hostDirectory the account's directory
 * @param quota as it is stored
 */
export async function renewMaildirsize(
  host: Host,
  domain: Domain,
  hostDirectory: string,
  quota: string,
): Promise<void> {
  if (hostDirectory === '') return;
  const maildir = accountFiles.maildir(host.layout.disk(hostDirectory));
  try {
    fs.rmSync(bytesPath(path.join(maildir, 'maildirsize')), { force: true });
    if (!isUnlimited(parseQuota(quota))) await countUsage(maildir, quota, { uid: domain.uid, gid: domain.gid });
  } catch {
    // The next delivery counts.
  }
}
