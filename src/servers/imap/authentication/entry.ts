// What a login that is good leads to: the account's mailboxes in this process, or a connection to the process of the uid that the account belongs to.

import type { Socket } from 'node:net';
import type { LoggedIn } from '../../../auth/login.js';
import { loginKind } from '../../../auth/login-service.js';
import { TemporaryError } from '../../../errors.js';
import { accountFiles } from '../../../layout.js';
import type { AccountMailboxes } from '../../../stores/mailboxes/account-mailboxes.js';
import type { LetIn } from '../command.js';
import type { ClientOfSession } from '../connection-security.js';
import { makeUsualMailboxes } from '../mailboxes/autocreate.js';
import type { ImapServices } from '../server.js';

/**
 * Enters a session among those that end with their account.
 * @param looksBefore how many looks `OpenSessions` had done before the login was decided
 * @param end called when the account has changed
 * @returns takes it out again
 */
export function enterSession(
  { sessions }: ImapServices,
  { service, origin }: ClientOfSession,
  { account, byClearPassword }: LoggedIn,
  looksBefore: number,
  end: () => void,
): () => void {
  const { name, domain, passwd, clearPasswd } = account;
  const kind = loginKind(service, origin.remoteIp ?? '');
  const session = { service, kind, account: { name, domain, passwd, clearPasswd }, byClearPassword, end };
  return sessions.enter(session, looksBefore);
}

/** The account's mailboxes, with those that every account has here. */
export async function openAccount(services: ImapServices, { account, domain }: LoggedIn): Promise<AccountMailboxes> {
  const owner = { uid: domain.uid, gid: domain.gid };
  const maildir = accountFiles.maildir(account.directory);
  const mailboxes = services.mailboxes.account(maildir, owner, { quota: account.quota });
  await makeUsualMailboxes(mailboxes, services.settings, services.log);
  return mailboxes;
}

/** A connection to the process of another uid, where the session goes on. @param tag of the command that is still to be answered @throws TemporaryError */
export async function openElsewhere(
  { elsewhere }: ImapServices,
  { service, origin }: ClientOfSession,
  { domain: { uid, gid } }: LetIn,
  ticket: string,
  tag: string,
): Promise<Socket> {
  const { remoteIp, localIp } = origin;
  const other = await elsewhere?.({ uid, gid }, { service, origin: { remoteIp, localIp }, ticket, tag });
  if (other === undefined) throw new TemporaryError('4.3.0', 'Temporary trouble with this mailbox');
  return other;
}
