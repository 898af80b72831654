// An account of this host by its address, with what its mailboxes need.

import fs from 'node:fs';
import path from 'node:path';
import { PermanentError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { accountFiles, type Layout } from '../../src/layout.js';
import { type Log, silentLog } from '../../src/log.js';
import { lower } from '../../src/mail/address.js';
import { openHost } from '../../src/stores/host.js';
import type { AccountMailboxes } from '../../src/stores/mailboxes/account-mailboxes.js';
import type { Owner } from '../../src/stores/mailboxes/mailbox-types.js';
import { OpenMailboxes } from '../../src/stores/mailboxes/open-mailboxes.js';

export interface HostAccount {
  /** Its real domain, lower case. */
  readonly address: string;
  /** Disk path. */
  readonly directory: string;
  readonly owner: Owner;
  readonly mailboxes: AccountMailboxes;
}

/** @throws PermanentError when there is no such account or it has no Maildir; TemporaryError, CorruptFileError */
export function openHostAccount(layout: Layout, address: string, log: Log = silentLog): HostAccount {
  const at = address.lastIndexOf('@');
  const host = openHost(layout);
  const domain = host.domain(lower(address.slice(at + 1)));
  const account = at < 1 ? undefined : domain?.account(lower(address.slice(0, at)));
  if (domain === undefined || account === undefined)
    throw new PermanentError('5.1.1', `${address}: there is no such account (vadduser makes one)`);
  const maildir = accountFiles.maildir(account.directory);
  if (account.directory === '' || !fs.existsSync(bytesPath(path.join(maildir, 'cur'))))
    throw new PermanentError('5.1.1', `${address}: has no Maildir; its first mail or login makes one`);
  const owner = { uid: domain.uid, gid: domain.gid };
  const mailboxes = new OpenMailboxes({ log }).account(maildir, owner, { quota: account.quota });
  return { address: `${account.name}@${account.domain}`, directory: account.directory, owner, mailboxes };
}
