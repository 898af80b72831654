// Mailboxes that the administrator wants every account to have (Dovecot's `auto = create` and `auto = subscribe`): made when a session begins. What cannot be made is a line in the log, and the
// session goes on.

import { describe } from '../../../errors.js';
import type { Log } from '../../../log.js';
import type { AccountMailboxes } from '../../../stores/mailboxes/account-mailboxes.js';
import { MailboxRefusal } from '../../../stores/mailboxes/refusal.js';
import type { ImapSettings } from '../settings.js';

export async function makeUsualMailboxes(
  account: AccountMailboxes,
  { autocreate, autosubscribe }: Pick<ImapSettings, 'autocreate' | 'autosubscribe'>,
  log: Log,
): Promise<void> {
  const all = new Set([...autocreate, ...autosubscribe]);
  if (all.size === 0) return;
  try {
    const made: string[] = [];
    for (const name of all) if (!(await account.has(name)) && (await make(account, name))) made.push(name);
    // A subscription that the user has given up stays given up.
    for (const name of made) if (autosubscribe.includes(name)) await account.subscribe(name);
  } catch (error) {
    log.warning(`imap: mailboxes that ${account.maildir} should have: ${describe(error)}`);
  }
}

/** @returns whether it was this session that made it */
async function make(account: AccountMailboxes, name: string): Promise<boolean> {
  try {
    await account.create(name);
    return true;
  } catch (error) {
    if (error instanceof MailboxRefusal && error.code === 'ALREADYEXISTS') return false;
    throw error;
  }
}
