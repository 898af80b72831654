// The mailboxes of one account: its Maildir is INBOX, the directories in it that begin with a dot are the others.
//
// Names are modified UTF-7 with `.` between levels and without the prefix of a namespace: `INBOX` (any case), `Work.Proj`. A name that cannot be a mailbox here is refused with
// CANNOT, one that is not there with NONEXISTENT.

import fs from 'node:fs';
import { describe } from '../../errors.js';
import { bytesPath, fileTrouble } from '../../files/read.js';
import { inbox, separator } from '../../formats/mailbox/folder-names.js';
import { flagBits } from '../../formats/mailbox/message-flags.js';
import { mailboxFiles } from '../../layout.js';
import { removeStaleTemporaries } from '../maildir/maildir.js';
import { appendChange, usageOfFolder } from '../maildir/maildirsize.js';
import { hasTemporaries } from '../maildir/message-list.js';
import { makeFolder, removeFolder, renameFolder } from './account/folder-changes.js';
import { findDirectory, listMailboxes, mailboxName, mustFindDirectory } from './account/folder-directories.js';
import { changeSubscriptions, readSubscriptions } from './account/subscription-file.js';
import type { Mailbox } from './folder/mailbox.js';
import { MailboxAppend } from './mailbox-append.js';
import type { AccountSettings, ListedMailbox, MailboxStatus, Owner, QuotaState } from './mailbox-types.js';
import { MailboxView } from './mailbox-view.js';
import type { OpenMailboxes, TakenMailbox } from './open-mailboxes.js';
import { isTrash } from './operations/accounting.js';
import { type CopyTarget, moveMessages } from './operations/copy.js';
import { factsOf } from './operations/open.js';
import { Room } from './operations/room.js';
import { MailboxRefusal } from './refusal.js';

/** Every method throws MailboxRefusal for what a client cannot have, TemporaryError for trouble with the disk or a lock that stays taken. */
export class AccountMailboxes {
  readonly maildir: string;
  readonly owner: Owner;
  readonly settings: AccountSettings;
  readonly #open: OpenMailboxes;
  readonly #room: Room;

  constructor(open: OpenMailboxes, maildir: string, owner: Owner, settings: AccountSettings) {
    this.#open = open;
    this.maildir = maildir;
    this.owner = owner;
    this.settings = settings;
    this.#room = new Room(maildir, owner, settings.quota);
  }

  /** All names: INBOX first, then by bytes, parents that are no mailboxes among them. */
  async list(): Promise<readonly ListedMailbox[]> {
    return listMailboxes(this.maildir);
  }

  /** Whether there is a mailbox of this name. @throws MailboxRefusal CANNOT for a name that cannot be */
  async has(name: string): Promise<boolean> {
    return findDirectory(this.maildir, mailboxName(name)) !== undefined;
  }

  /** Opens a mailbox for a session: what is on disk is taken in, and new messages get UIDs; read-write, what is in new/ is moved to cur/. */
  async select(name: string, mode: 'read-write' | 'read-only'): Promise<MailboxView> {
    const known = mailboxName(name);
    const { mailbox, watch, release } = this.#take(known);
    try {
      if (mailbox.uidValidity === 0) await this.#tidy(mailbox);
      await mailbox.sync({ moveNew: mode === 'read-write' });
      return new MailboxView({
        name: known,
        isReadOnly: mode === 'read-only',
        mailbox,
        watch: (heard) => watch.add(heard),
        left: release,
      });
    } catch (error) {
      release();
      throw this.#trouble(error, mailbox);
    }
  }

  /** The numbers of a mailbox. Gives UIDs to new messages, but leaves them in new/. */
  status(name: string): Promise<MailboxStatus> {
    return this.#with(name, async (mailbox) => {
      await mailbox.sync();
      const { table, recent, uidList, state } = mailbox;
      let [unseen, deleted] = [0, 0];
      for (let row = 0; row < table.count; row++) {
        const bits = table.bitsAt(row);
        if ((bits & flagBits.seen) === 0) unseen++;
        if ((bits & flagBits.deleted) !== 0) deleted++;
      }
      return {
        messages: table.count,
        recent: recent.count,
        unseen,
        deleted,
        uidNext: uidList.nextUid,
        uidValidity: uidList.uidValidity,
        highestModSeq: state.highest,
        mailboxId: uidList.guid,
      };
    });
  }

  /** RFC822.SIZE of all messages together, for STATUS=SIZE. */
  totalSize(name: string): Promise<number> {
    return this.#with(name, async (mailbox) => {
      await mailbox.sync();
      await mailbox.cache?.open(mailbox.uidValidity);
      try {
        let total = 0;
        for (const uid of mailbox.table.uids) {
          const facts = factsOf(mailbox, uid);
          total += (facts instanceof Promise ? await facts : facts)?.wireBytes ?? 0;
        }
        return total;
      } finally {
        await mailbox.cache?.close();
      }
    });
  }

  /** Makes a mailbox. A separator at the end is dropped. @param uses what it is for: `\Sent` @returns its MAILBOXID */
  async create(name: string, uses: readonly string[] = []): Promise<string> {
    const known = mailboxName(name.endsWith(separator) ? name.slice(0, -1) : name);
    if (known === inbox) throw new MailboxRefusal('ALREADYEXISTS', 'Mailbox already exists');
    return this.#changeFolders(() => makeFolder(this.#folders, known, uses));
  }

  /** Removes a mailbox; those below it stay. INBOX cannot be. Its subscription stays. */
  async delete(name: string): Promise<void> {
    const known = mailboxName(name);
    if (known === inbox) throw new MailboxRefusal('CANNOT', "INBOX can't be deleted");
    await this.#changeFolders(() => removeFolder(this.#folders, known, (directory) => this.#takeOffUsage(directory)));
  }

  /** Renames a mailbox and those below it. INBOX: its messages are moved into a new mailbox (RFC 9051 6.3.6). */
  async rename(from: string, to: string): Promise<void> {
    const [before, after] = [mailboxName(from), mailboxName(to.endsWith(separator) ? to.slice(0, -1) : to)];
    if (after === inbox) throw new MailboxRefusal('ALREADYEXISTS', 'Mailbox already exists');
    if (before === inbox) return this.#emptyInbox(after);
    const renamed = await this.#changeFolders(() => renameFolder(this.#folders, before, after));
    for (const directory of renamed) this.#open.forget(directory);
  }

  /** Subscribed names, in the order of subscribing; they need not exist. */
  async subscriptions(): Promise<readonly string[]> {
    return readSubscriptions(this.maildir).names;
  }

  async subscribe(name: string): Promise<void> {
    const known = mailboxName(name);
    mustFindDirectory(this.maildir, known);
    await changeSubscriptions(this.maildir, this.owner, (names) => (names.includes(known) ? names : [...names, known]));
  }

  /** Also for a name that is not subscribed, or cannot be a mailbox's any more. */
  async unsubscribe(name: string): Promise<void> {
    const known = name.toUpperCase() === inbox ? inbox : name;
    await changeSubscriptions(this.maildir, this.owner, (names) =>
      names.includes(known) ? names.filter((other) => other !== known) : names,
    );
  }

  /** Begins to put messages into a mailbox: APPEND, MULTIAPPEND, REPLACE. Refused with NONEXISTENT before the client sends anything. */
  async append(name: string): Promise<MailboxAppend> {
    const { mailbox, release } = this.#take(mailboxName(name));
    return new MailboxAppend(mailbox, this.#room, release);
  }

  /** Does something with a mailbox that messages are copied or moved to. */
  intoMailbox<T>(name: string, work: (target: CopyTarget) => Promise<T>): Promise<T> {
    return this.#with(name, (mailbox) => work({ mailbox, room: this.#room }));
  }

  /** How full the account is; `undefined` when no quota is kept. */
  async quota(): Promise<QuotaState | undefined> {
    try {
      return await this.#room.state();
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  get #folders(): Parameters<typeof makeFolder>[0] {
    const directoryNames = this.settings.directoryNames ?? 'modified-utf-7';
    return { root: this.maildir, owner: this.owner, directoryNames };
  }

  #take(name: string): TakenMailbox {
    const directory = mustFindDirectory(this.maildir, name);
    return this.#open.take({ directory, root: this.maildir, owner: this.owner });
  }

  async #with<T>(name: string, work: (mailbox: Mailbox) => Promise<T>): Promise<T> {
    const { mailbox, release } = this.#take(mailboxName(name));
    try {
      return await work(mailbox);
    } catch (error) {
      throw this.#trouble(error, mailbox);
    } finally {
      release();
    }
  }

  /** A mailbox that went while it was asked for is one that is not there. */
  #trouble(error: unknown, mailbox: Mailbox): unknown {
    if (error instanceof MailboxRefusal) {
      if (error.code === 'LOST') this.#open.forget(mailbox.place.directory);
      return error;
    }
    return fileTrouble(error);
  }

  async #changeFolders<T>(change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } catch (error) {
      throw error instanceof MailboxRefusal ? error : fileTrouble(error);
    }
  }

  /** What a folder holds leaves the account's sums with it. */
  async #takeOffUsage(directory: string): Promise<void> {
    this.#open.forget(directory);
    try {
      if (isTrash(directory, this.maildir)) return;
      const { bytes, count } = await usageOfFolder(directory);
      if (count > 0) appendChange(this.maildir, { bytes: -bytes, count: -count });
    } catch (error) {
      this.#open.log.warning(`maildirsize of ${this.maildir}: ${describe(error)}`);
    }
  }

  async #emptyInbox(name: string): Promise<void> {
    await this.create(name);
    await this.#with(inbox, async (source) => {
      await source.sync();
      await this.intoMailbox(name, (target) => moveMessages(source, target, [...source.table.uids]));
    });
  }

  /** At the first opening: what crashed writers left in tmp/, and a mark that would make other programs take INBOX for a folder. */
  async #tidy(mailbox: Mailbox): Promise<void> {
    const { directory, root } = mailbox.place;
    if (await hasTemporaries(directory).catch(() => false)) await removeStaleTemporaries(directory, Date.now());
    const mark = bytesPath(mailboxFiles.folderMark(root));
    if (directory !== root || !fs.existsSync(mark)) return;
    fs.rmSync(mark, { force: true });
    this.#open.log.warning(`${root}/maildirfolder was removed: with it, deliveries would take this INBOX for a folder`);
  }
}
