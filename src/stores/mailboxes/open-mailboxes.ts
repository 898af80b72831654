// The mailboxes that the sessions of a process have open, and some that they had open lately: each folder is read once, however many sessions look at it.

import type { Log } from '../../log.js';
import { AccountMailboxes } from './account-mailboxes.js';
import type { AccountSettings, Owner } from './mailbox-types.js';

export interface OpenMailboxesOptions {
  readonly log: Log;
  /** Messages of mailboxes that nobody has open whose names and flags are kept in memory, at about 150 bytes each. */
  readonly keptMessages?: number;
}

/** One for each process. */
export class OpenMailboxes {
  readonly options: OpenMailboxesOptions;

  constructor(options: OpenMailboxesOptions) {
    this.options = options;
  }

  /**
   * The mailboxes of an account. Costs nothing; the disk is looked at by what is asked of it.
   * @param maildir disk path of the account's Maildir
   */
  account(maildir: string, owner: Owner, settings: AccountSettings = {}): AccountMailboxes {
    return new AccountMailboxes(this, maildir, owner, settings);
  }

  /** Forgets everything that is kept and stops watching. Views that are open stay usable. */
  close(): void {}
}
