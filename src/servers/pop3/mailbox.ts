// The messages of one POP3 session: as they were at login, numbered from 1, with what the client has marked for deletion.
//
// Other programs change the Maildir meanwhile. What is new is not seen; a message that was moved or given other flags is found again by its base; one that is gone
// cannot be opened. Only `update` changes anything on disk (stores/maildir/removal.ts).
//
// Sizes are learned when they are asked for, a few files at a time; clients that go by UIDL alone never pay for them.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import type { FileReads } from '../../files/file-reads.js';
import { fileTrouble } from '../../files/read.js';
import { accountFiles } from '../../layout.js';
import type { Log } from '../../log.js';
import { closingOctets } from '../../protocols/pop3-message.js';
import { takeOverFromCourier } from '../../stores/mailboxes/takeover/before-pop3.js';
import { maildirProblem, removeStaleTemporaries } from '../../stores/maildir/maildir.js';
import { hasTemporaries, listMessages, type MessageFile } from '../../stores/maildir/message-list.js';
import { changeMailbox, type MailboxChanged } from '../../stores/maildir/removal.js';
import { countTransferOctets, type TransferSizes } from '../../stores/maildir/transfer-sizes.js';
import { type UidlForm, uidlsOf } from '../../stores/maildir/uidl.js';
import { Whereabouts } from '../../stores/maildir/whereabouts.js';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the sessions of a process share. */
export interface SharedReading {
  readonly log: Log;
  readonly sizes: TransferSizes;
  readonly reads: FileReads;
}

interface Message {
  readonly file: MessageFile;
  readonly uidl: string;
  sizeOctets: number | undefined;
}

/** A message whose file is open for reading; whoever asked closes the descriptor. */
export interface OpenMessage {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly reads: FileReads;
}

const filesAtOnce = 4;

export class Mailbox {
  readonly #maildir: string;
  readonly #owner: Owner;
  readonly #whereabouts: Whereabouts;
  readonly #shared: SharedReading;
  readonly #deleted = new Set<number>();
  #messages: readonly Message[] = [];
  /** The highest number that DELE was given since the start or RSET; qmail-pop3d's answer to LAST. */
  last = 0;

  private constructor(maildir: string, owner: Owner, shared: SharedReading) {
    this.#maildir = maildir;
    this.#owner = owner;
    this.#shared = shared;
    this.#whereabouts = new Whereabouts(maildir);
  }

  /**
   * Opens the Maildir in an account's directory and removes what crashed writers left in its tmp/.
   * @param directory disk path
   * @returns undefined when there is no Maildir
   * @throws TemporaryError or CorruptFileError when it cannot be read
   */
  static async open(
    directory: string,
    owner: Owner,
    uidl: UidlForm,
    shared: SharedReading,
  ): Promise<Mailbox | undefined> {
    const maildir = accountFiles.maildir(directory);
    try {
      if (maildirProblem(maildir) === 'missing') return undefined;
      const mailbox = new Mailbox(maildir, owner, shared);
      if (await hasTemporaries(maildir).catch(() => false)) await removeStaleTemporaries(maildir, Date.now());
      await mailbox.#list(uidl);
      return mailbox;
    } catch (error) {
      throw asTrouble(error);
    }
  }

  /** All messages, the deleted ones too: qmail-pop3d's STAT counts them. */
  get count(): number {
    return this.#messages.length;
  }

  isDeleted(number: number): boolean {
    return this.#deleted.has(number);
  }

  delete(number: number): void {
    this.#deleted.add(number);
    this.last = Math.max(this.last, number);
  }

  undelete(): void {
    this.#deleted.clear();
    this.last = 0;
  }

  uidlOf(number: number): string {
    return this.#messages[number - 1]?.uidl ?? '';
  }

  /** Octets that are sent for a message, once its size is learned. */
  sizeOf(number: number): number {
    return this.#messages[number - 1]?.sizeOctets ?? 0;
  }

  /**
   * Learns the size of a message. One that is gone or cannot be read gets the size that it would have if it had no line: the listing must not fail for it,
   * and whoever wants the message itself is told.
   */
  async learnSize(number: number): Promise<void> {
    const message = this.#messages[number - 1];
    if (message === undefined || message.sizeOctets !== undefined) return;
    const measured = await this.#measure(message.file).catch(() => undefined);
    message.sizeOctets = measured ?? message.file.sizeBytes + closingOctets;
  }

  /**
   * Learns the sizes of all messages that are not deleted.
   * @param isPointless asked between files: whether nobody waits for the answer any more
   */
  async learnSizes(isPointless: () => boolean): Promise<void> {
    const unknown = this.#messages.flatMap((message, index) =>
      message.sizeOctets === undefined && !this.isDeleted(index + 1) ? [index + 1] : [],
    );
    let next = 0;
    const learnOn = async (): Promise<void> => {
      while (next < unknown.length && !isPointless()) {
        await this.learnSize(unknown[next++] ?? 0);
      }
    };
    await Promise.all(Array.from({ length: filesAtOnce }, learnOn));
  }

  /** Octets of all messages that are not deleted, once their sizes are learned. */
  get totalOctets(): number {
    let total = 0;
    for (const [index, { sizeOctets }] of this.#messages.entries()) {
      if (!this.isDeleted(index + 1)) total += sizeOctets ?? 0;
    }
    return total;
  }

  /**
   * Opens a message.
   * @returns undefined when it is gone
   * @throws TemporaryError when it cannot be opened
   */
  async open(number: number): Promise<OpenMessage | undefined> {
    const message = this.#messages[number - 1];
    const fd = message && (await this.#open(message.file));
    const sizeBytes = message?.file.sizeBytes ?? 0;
    return fd === undefined ? undefined : { fd, sizeBytes, reads: this.#shared.reads };
  }

  /** Does what the session asked for. */
  update(): Promise<MailboxChanged> {
    const deleted: MessageFile[] = [];
    const kept: MessageFile[] = [];
    for (const [index, { file }] of this.#messages.entries()) (this.isDeleted(index + 1) ? deleted : kept).push(file);
    return changeMailbox(this.#maildir, { deleted, kept }, this.#owner);
  }

  async #list(uidl: UidlForm): Promise<void> {
    if (uidl.startsWith('dovecot')) await takeOverFromCourier(this.#maildir, this.#owner, this.#shared.log);
    const files = await listMessages(this.#maildir, Date.now());
    const ids = await uidlsOf(uidl, this.#maildir, files, this.#owner, (file) => this.#measure(file));
    this.#messages = files.flatMap((file, index) => {
      const id = ids[index];
      return id === undefined ? [] : [{ file, uidl: id, sizeOctets: this.#shared.sizes.get(file) }];
    });
  }

  async #open(file: MessageFile): Promise<number | undefined> {
    const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
    try {
      const opened = await this.#whereabouts.with(file, (place) => fs.openSync(this.#whereabouts.pathOf(place), flags));
      return opened?.value;
    } catch (error) {
      throw asTrouble(error);
    }
  }

  async #measure(file: MessageFile): Promise<number | undefined> {
    const known = this.#shared.sizes.get(file);
    if (known !== undefined) return known;
    const fd = await this.#open(file);
    if (fd === undefined) return undefined;
    try {
      const octets = await countTransferOctets(fd, file.sizeBytes, this.#shared.reads);
      this.#shared.sizes.set(file, octets);
      return octets;
    } finally {
      fs.closeSync(fd);
    }
  }
}

/** What the system says is trouble with a file; anything else stays what it is. */
function asTrouble(error: unknown): unknown {
  return errnoOf(error) === undefined ? error : fileTrouble(error);
}
