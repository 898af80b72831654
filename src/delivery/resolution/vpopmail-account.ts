// vdelivermail without a process: what it would do with a recipient of a vpopmail domain (formats/vpopmail.md 4.3 to 4.8).
//
//   EXT, HOST      the extension and domain that qmail-local found, in lower case; HOST of an alias domain becomes the real one
//   account        named EXT, else what stands before the first `-` of EXT
//   found          locked: refused; its .qmail, if it has one, is obeyed; else its Maildir, within its quota
//   not found      the catch-all (delivery/resolution/catch-all)
//
// Not copied: a failed look-up is a deferral, where vdelivermail knows "no such user" only. A missing account directory is made again at delivery, as vdelivermail
// does; an account without a directory in vpasswd is deferred, since only vadduser's own work can give it one.

import fs from 'node:fs';
import { troubleWith } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { Account, Domain } from '../../stores/domains/domain.js';
import { addressOfMaildir, followAccountFile, intoMaildir, type VpopmailRecipient } from './account-lines.js';
import type { LocalRecipient } from './assignment.js';
import { unknownUser } from './catch-all.js';
import { defer, refuse } from './outcomes.js';
import type { Outcome } from './resolution.js';
import type { Way } from './way.js';

/** vpopmail's own check of local parts. */
export function isUserName(text: string): boolean {
  return /^[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/.test(text);
}

/** vpopmail's own check of domains. */
export function isDomainName(text: string): boolean {
  return /^[-.0-9A-Za-z]*$/.test(text);
}

/** What vdelivermail would do. @param argument its second argument @throws TemporaryError or CorruptFileError for trouble with a file */
export function resolveVdelivermail(way: Way, local: LocalRecipient, argument: string): Outcome {
  const ext = lower(local.extension);
  const hostName = lower(local.domain);
  if (!isUserName(ext)) return refuse(550, '5.1.3', 'invalid username (#5.1.3)');
  if (!isDomainName(hostName)) return refuse(550, '5.1.2', 'invalid domain name (#5.1.2)');
  const vpopmailDomain = way.host.domain(hostName);
  if (vpopmailDomain !== undefined && vpopmailDomain.uid !== local.owner.uid) {
    const cause = `${hostName} belongs to uid ${vpopmailDomain.uid}, and its mail comes to uid ${local.owner.uid}`;
    return defer('4.3.5', 'temporary trouble with this mailbox. (#4.3.5)', cause);
  }
  const shown = `${ext}@${vpopmailDomain?.name ?? hostName}`;
  const dash = ext.indexOf('-');
  const userExtension = dash < 0 ? '' : ext.slice(dash + 1);
  const recipient = { ...local, ext, userExtension, vpopmailDomain, shown, loopLine: `Delivered-To: ${shown}` };
  const account = findVpopmailAccount(vpopmailDomain, ext);
  return account === undefined ? unknownUser(way, recipient, argument) : toAccount(way, recipient, account);
}

/** Whose a local part (lower case) is: the account of that name, else that of what stands before its first `-`. @throws as `Domain.account` */
export function findVpopmailAccount(domain: Domain | undefined, ext: string): Account | undefined {
  const whole = domain?.account(ext);
  if (whole !== undefined || !ext.includes('-')) return whole;
  return domain?.account(ext.slice(0, ext.indexOf('-')));
}

function toAccount(way: Way, recipient: VpopmailRecipient, account: Account): Outcome {
  const { explain } = way;
  way.met?.({ account: `${account.name}@${account.domain}` });
  const hostDomain = recipient.vpopmailDomain?.hostDirectory ?? recipient.hostDirectory;
  explain?.(`${hostDomain}/vpasswd.cdb: the account ${account.name}, directory ${account.hostDirectory}`);
  if (hasFlag(account.gid, 'BOUNCE_MAIL')) {
    explain?.(`${hostDomain}/vpasswd.cdb: ${account.name} has the bounce flag`);
    return refuse(550, '5.2.1', `account is locked email bounced ${recipient.shown} (#5.2.1)`);
  }
  if (account.directory === '') {
    const cause = `${hostDomain}/vpasswd.cdb: ${account.name} has no directory`;
    return defer('4.3.5', 'temporary trouble with this mailbox. (#4.3.5)', cause);
  }
  const isThere = exists(account.directory);
  const instructed = isThere ? followAccountFile(way, recipient, account) : undefined;
  if (instructed !== undefined) return instructed;
  if (!isThere) explain?.(`${account.hostDirectory}: is missing, and is made again when mail comes`);
  const maildir = accountFiles.maildir(account.directory);
  return intoMaildir(way, recipient, maildir, {
    deliveredTo: addressOfMaildir(`${account.hostDirectory}/Maildir`) ?? `${account.name}@${account.domain}`,
    quota: account.quota,
    ...(!isThere && { missingHome: account.directory }),
  });
}

/** @throws TemporaryError when that cannot be told */
function exists(directory: string): boolean {
  try {
    return fs.statSync(bytesPath(directory), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw troubleWith('temporary trouble with this mailbox. (#4.3.0)', error);
  }
}
