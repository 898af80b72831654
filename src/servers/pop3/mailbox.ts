// The messages of one POP3 session: as they were at login, numbered from 1, with what the client has marked for deletion.
//
// Other programs change the Maildir meanwhile. What is new is not seen; a message that was moved or given other flags is found again by its base; one that is gone cannot be opened. Only
// `update` changes anything on disk (stores/maildir/removal.ts).

import { open } from 'node:fs/promises';
import { describe } from '../../errors.js';
import { bytesPath, fileTrouble, isMissing } from '../../files/read.js';
import { accountFiles } from '../../layout.js';
import type { Log } from '../../log.js';
import { TransferSize } from '../../protocols/pop3-message.js';
import { listMessages } from '../../stores/maildir/message-list.js';
import { markAsSeenBefore, removeMessages, Whereabouts } from '../../stores/maildir/removal.js';
import { type TransferSizes, transferSize } from '../../stores/maildir/transfer-sizes.js';
import { type ListedMessage, type UidlForm, uidlsOf } from '../../stores/maildir/uidl.js';
import { maildirProblem, removeStaleTemporaries } from '../../stores/maildir.js';

export interface MailboxOptions {
  readonly sizes: TransferSizes;
  readonly uidl: UidlForm;
  readonly log: Log;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Sizes learned before others have their turn. */
const sizesAtOnce = 64;

export class Mailbox {
  readonly #maildir: string;
  readonly #owner: Owner;
  readonly #options: MailboxOptions;
  readonly #messages: readonly ListedMessage[];
  readonly #deleted = new Set<number>();
  #uidls: string[] | undefined;
  /** The highest number that DELE was given since the start or RSET; qmail-pop3d's answer to LAST. */
  last = 0;

  private constructor(maildir: string, owner: Owner, options: MailboxOptions, messages: readonly ListedMessage[]) {
    this.#maildir = maildir;
    this.#owner = owner;
    this.#options = options;
    this.#messages = messages;
  }

  /**
   * Opens the Maildir in an account's directory and removes what crashed writers left in its tmp/.
   * @returns undefined when there is no Maildir
   * @throws TemporaryError when it cannot be read
   */
  static async open(directory: string, owner: Owner, options: MailboxOptions): Promise<Mailbox | undefined> {
    const maildir = accountFiles.maildir(directory);
    if (problemOf(maildir) === 'missing') return undefined;
    await removeStaleTemporaries(maildir, Date.now());
    const messages: ListedMessage[] = [];
    const files = await listMessages(maildir, Date.now());
    for (const [index, file] of files.entries()) {
      if (index % sizesAtOnce === sizesAtOnce - 1) await new Promise(setImmediate);
      const sizeOctets = await transferSize(options.sizes, maildir, file, new TransferSize());
      if (sizeOctets !== undefined) messages.push({ file, sizeOctets });
    }
    return new Mailbox(maildir, owner, options, messages);
  }

  /** All messages, the deleted ones too: qmail-pop3d's STAT counts them. */
  get count(): number {
    return this.#messages.length;
  }

  /** Octets of the messages that are not deleted. */
  get totalOctets(): number {
    return this.#messages.reduce(
      (sum, message, index) => (this.isDeleted(index + 1) ? sum : sum + message.sizeOctets),
      0,
    );
  }

  isDeleted(number: number): boolean {
    return this.#deleted.has(number);
  }

  sizeOf(number: number): number {
    return this.#messages[number - 1]?.sizeOctets ?? 0;
  }

  delete(number: number): void {
    this.#deleted.add(number);
    this.last = Math.max(this.last, number);
  }

  undelete(): void {
    this.#deleted.clear();
    this.last = 0;
  }

  /** The unique ids of all messages in order. */
  async uidls(): Promise<readonly string[]> {
    this.#uidls ??= await this.#findUidls();
    return this.#uidls;
  }

  /**
   * The content of a message in pieces.
   * @returns undefined when it is gone
   * @throws TemporaryError when it cannot be read
   */
  async read(number: number): Promise<AsyncGenerator<Buffer> | undefined> {
    const message = this.#messages[number - 1];
    if (message === undefined) return undefined;
    try {
      const path = await new Whereabouts(this.#maildir).find(message.file);
      if (path === undefined) return undefined;
      return pieces(await open(bytesPath(path)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileTrouble(error);
    }
  }

  /** Does what the session asked for. @returns how many messages could not be removed */
  async update(): Promise<number> {
    const files = this.#messages.map(({ file }) => file);
    const failed = await removeMessages(
      this.#maildir,
      files.filter((_, index) => this.isDeleted(index + 1)),
    );
    markAsSeenBefore(
      this.#maildir,
      files.filter((_, index) => !this.isDeleted(index + 1)),
    );
    return failed;
  }

  async #findUidls(): Promise<string[]> {
    const { uidl, log } = this.#options;
    try {
      return await uidlsOf(uidl, this.#maildir, this.#messages, this.#owner);
    } catch (error) {
      log.warning(`pop3: file names serve as unique ids of ${this.#maildir}: ${describe(error)}`);
      return uidlsOf('qmail', this.#maildir, this.#messages, this.#owner);
    }
  }
}

function problemOf(maildir: string): 'missing' | 'broken' | undefined {
  try {
    return maildirProblem(maildir);
  } catch (error) {
    throw fileTrouble(error);
  }
}

const pieceBytes = 64 * 1024;

async function* pieces(handle: Awaited<ReturnType<typeof open>>): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
