// The mailboxes that the sessions of a process have open, and some that they had open lately: each folder is read once, however many sessions look at it.

import type { Log } from '../../log.js';
import { AccountMailboxes } from './account-mailboxes.js';
import { Mailbox } from './folder/mailbox.js';
import { MailboxWatch } from './folder/mailbox-watch.js';
import type { MailboxPlace } from './folder/place.js';
import type { AccountSettings, Owner } from './mailbox-types.js';

export interface OpenMailboxesOptions {
  readonly log: Log;
  /** Messages of mailboxes that nobody has open whose names and flags are kept in memory, at about 150 bytes each; 200,000 unless given. The mailbox used last is kept, however large. */
  readonly keptMessages?: number;
  /** Whether what is costly to work out is kept in a file beside the messages (message-cache/); true unless given. */
  readonly hasCache?: boolean;
}

interface Kept {
  readonly mailbox: Mailbox;
  readonly watch: MailboxWatch;
  users: number;
}

/** A mailbox that somebody uses. */
export interface TakenMailbox {
  readonly mailbox: Mailbox;
  readonly watch: MailboxWatch;
  /** To be called once. */
  release(): void;
}

const keptMessages = 200_000;
/** What a mailbox costs besides its messages, in messages. */
const mailboxCost = 20;

/** One for each process. */
export class OpenMailboxes {
  readonly log: Log;
  readonly #keptMessages: number;
  readonly #hasCache: boolean;
  /** By directory, the one used longest ago first. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: OpenMailboxesOptions) {
    this.log = options.log;
    this.#keptMessages = options.keptMessages ?? keptMessages;
    this.#hasCache = options.hasCache ?? true;
  }

  /**
   * The mailboxes of an account. Costs nothing; the disk is looked at by what is asked of it.
   * @param maildir disk path of the account's Maildir
   */
  account(maildir: string, owner: Owner, settings: AccountSettings = {}): AccountMailboxes {
    return new AccountMailboxes(this, maildir, owner, settings);
  }

  /** A mailbox that stays in memory until it is released. Not looked at yet. */
  take(place: MailboxPlace): TakenMailbox {
    const kept = this.#kept.get(place.directory) ?? this.#begin(place);
    this.#kept.delete(place.directory);
    this.#kept.set(place.directory, kept);
    kept.users++;
    let isTaken = true;
    const release = (): void => {
      if (!isTaken) return;
      isTaken = false;
      kept.users--;
      this.#tidy();
    };
    return { mailbox: kept.mailbox, watch: kept.watch, release };
  }

  /** What stands in this directory now is another mailbox, or none. Sessions that have the old one open find out by themselves. */
  forget(directory: string): void {
    this.#kept.delete(directory);
  }

  /** Forgets everything that is kept. Views that are open stay usable. */
  close(): void {
    this.#kept.clear();
  }

  #begin(place: MailboxPlace): Kept {
    const mailbox = new Mailbox(place, this.log, { hasCache: this.#hasCache });
    return { mailbox, watch: new MailboxWatch(mailbox), users: 0 };
  }

  #tidy(): void {
    const idle = [...this.#kept].filter(([, { users }]) => users === 0);
    let cost = idle.reduce((sum, [, { mailbox }]) => sum + mailboxCost + mailbox.table.count, 0);
    // The last one stays, however large it is: it is the likeliest to be asked for again.
    for (const [directory, { mailbox }] of idle.slice(0, -1)) {
      if (cost <= this.#keptMessages) return;
      this.#kept.delete(directory);
      cost -= mailboxCost + mailbox.table.count;
    }
  }
}
