// The mailboxes of one account: its Maildir is INBOX, the directories in it that begin with a dot are the others.
//
// Names are modified UTF-7 with `.` between levels and without the prefix of a namespace: `INBOX` (any case), `Work.Proj`. A name that cannot be a mailbox here is refused with
// CANNOT, one that is not there with NONEXISTENT.

import type { MailboxAppend } from './mailbox-append.js';
import type { AccountSettings, ListedMailbox, MailboxStatus, Owner, QuotaState } from './mailbox-types.js';
import type { MailboxView } from './mailbox-view.js';
import type { OpenMailboxes } from './open-mailboxes.js';

/** Every method throws MailboxRefusal for what a client cannot have, TemporaryError for trouble with the disk or a lock that stays taken. */
export class AccountMailboxes {
  readonly open: OpenMailboxes;
  readonly maildir: string;
  readonly owner: Owner;
  readonly settings: AccountSettings;

  constructor(open: OpenMailboxes, maildir: string, owner: Owner, settings: AccountSettings) {
    this.open = open;
    this.maildir = maildir;
    this.owner = owner;
    this.settings = settings;
  }

  /** All names, in the order in which Dovecot sorts them: INBOX first, then by bytes, parents that are no mailboxes among them. */
  list(): Promise<readonly ListedMailbox[]> {
    throw new Error('not built yet');
  }

  /** Whether there is a mailbox of this name. @throws MailboxRefusal CANNOT for a name that cannot be */
  has(_name: string): Promise<boolean> {
    throw new Error('not built yet');
  }

  /** Opens a mailbox for a session: what is on disk is taken in, and new messages get UIDs; read-write, what is in new/ is moved to cur/. */
  select(_name: string, _mode: 'read-write' | 'read-only'): Promise<MailboxView> {
    throw new Error('not built yet');
  }

  /** The numbers of a mailbox. Gives UIDs to new messages, but leaves them in new/. */
  status(_name: string): Promise<MailboxStatus> {
    throw new Error('not built yet');
  }

  /** RFC822.SIZE of all messages together, for STATUS=SIZE. */
  totalSize(_name: string): Promise<number> {
    throw new Error('not built yet');
  }

  /** Makes a mailbox. A separator at the end is dropped. @returns its MAILBOXID */
  create(_name: string): Promise<string> {
    throw new Error('not built yet');
  }

  /** Removes a mailbox; those below it stay. INBOX cannot be. Its subscription stays. */
  delete(_name: string): Promise<void> {
    throw new Error('not built yet');
  }

  /** Renames a mailbox and those below it. INBOX: its messages are moved into a new mailbox (RFC 9051 6.3.6). */
  rename(_from: string, _to: string): Promise<void> {
    throw new Error('not built yet');
  }

  /** Subscribed names, in the order of subscribing; they need not exist. */
  subscriptions(): Promise<readonly string[]> {
    throw new Error('not built yet');
  }

  subscribe(_name: string): Promise<void> {
    throw new Error('not built yet');
  }

  /** Also for a name that is not subscribed. */
  unsubscribe(_name: string): Promise<void> {
    throw new Error('not built yet');
  }

  /** Begins to put messages into a mailbox: APPEND, MULTIAPPEND, REPLACE. Refused with NONEXISTENT or OVERQUOTA before the client sends anything. */
  append(_name: string): Promise<MailboxAppend> {
    throw new Error('not built yet');
  }

  /** How full the account is; `undefined` when no quota is kept. */
  quota(): Promise<QuotaState | undefined> {
    throw new Error('not built yet');
  }
}
