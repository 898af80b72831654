// Messages on their way into a mailbox: all of them enter it, or none.
//
//   state        on disk                                           a crash leaves
//   written      tmp/NAME, growing                                 files in tmp/ that readers remove after 36 hours
//   finished     tmp/NAME, whole and durable, with its date        the same
//   entered      new/ or cur/NAME,S=,W=                            messages without a UID; who looks next gives one
//   recorded     the UID is in the list                            the messages

import { fileTrouble } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { flagBits, lettersOfBits, systemFlagBits } from '../../formats/mailbox/message-flags.js';
import { mailboxFiles } from '../../layout.js';
import { MessageFile } from '../maildir/maildir-message.js';
import type { Mailbox } from './folder/mailbox.js';
import type { RowPlace } from './folder/message-table.js';
import type { AppendedMessages, NewMessage } from './mailbox-types.js';
import { Accounting } from './operations/accounting.js';
import { LineEnds, StoredLines } from './operations/line-ends.js';
import { mustBeKeywords, registerKeywords } from './operations/named-keywords.js';
import type { Room } from './operations/room.js';
import { MailboxRefusal } from './refusal.js';

interface Written {
  readonly message: NewMessage;
  readonly file: MessageFile;
  readonly lines: StoredLines;
  readonly lineEnds: LineEnds;
}

/** Larger pieces are written off the event loop. */
const smallBytes = 64 * 1024;

/** One call at a time. After a failure everything is given up; `abort` may be called at any time and any number of times. */
export class MailboxAppend {
  readonly #mailbox: Mailbox;
  readonly #room: Room;
  readonly #left: () => void;
  #finished: Written[] = [];
  #open: Written | undefined;
  #announcedBytes = 0;
  #isOver = false;

  /** @param left called once, when the append is over */
  constructor(mailbox: Mailbox, room: Room, left: () => void) {
    this.#mailbox = mailbox;
    this.#room = room;
    this.#left = left;
  }

  /** Begins the next message. @throws MailboxRefusal OVERQUOTA, LIMIT or CANNOT (keywords) before its bytes are taken; TemporaryError */
  next(message: NewMessage): Promise<void> {
    return this.#orGiveUp(async () => {
      mustBeKeywords(message.keywords);
      const { directory, owner } = this.#mailbox.place;
      const [bytes, count] = [this.#announcedBytes + message.sizeBytes, this.#finished.length + 1];
      await this.#room.mustHold({ bytes, count }, directory);
      this.#announcedBytes = bytes;
      const file = MessageFile.create(directory, owner, undefined, this.#mailbox.manner().mode);
      this.#open = { message, file, lines: new StoredLines(), lineEnds: new LineEnds() };
    });
  }

  /** Bytes of the message, as the client sends them; CRLF is stored as LF. The chunk may be used again when it resolves. */
  write(chunk: Buffer): Promise<void> {
    return this.#orGiveUp(async () => {
      const written = this.#written();
      await put(written, written.lines.take(chunk));
    });
  }

  /** The message is whole and durable in tmp/. @throws MailboxRefusal CANNOT when it is empty */
  finish(): Promise<void> {
    return this.#orGiveUp(async () => {
      const written = this.#written();
      await put(written, written.lines.end());
      if (written.file.sizeBytes === 0) throw new MailboxRefusal('CANNOT', "Can't save a zero byte message");
      if (written.message.internalDateMs !== undefined) written.file.setTime(written.message.internalDateMs);
      await written.file.sync();
      this.#open = undefined;
      this.#finished.push(written);
    });
  }

  /** The messages enter the mailbox and have UIDs; durable when it resolves. */
  commit(): Promise<AppendedMessages> {
    return this.#orGiveUp(async () => {
      const mailbox = this.#mailbox;
      const uids = await mailbox.change(() => mailbox.changing({ fresh: true, seen: true }, () => this.#enter()));
      this.#end();
      return { uidValidity: mailbox.uidValidity, uids };
    });
  }

  /** Removes what there is in tmp/. Does not throw. */
  async abort(): Promise<void> {
    if (this.#isOver) return;
    for (const { file } of this.#finished) file.discard();
    this.#open?.file.discard();
    this.#end();
  }

  /** Under the lock. */
  async #enter(): Promise<number[]> {
    const mailbox = this.#mailbox;
    const accounting = new Accounting(mailbox);
    const numbers = this.#finished.map(({ message }) => registerKeywords(mailbox, message.keywords));
    const places = this.#finished.map((written, index) => enterFile(written, numbers[index]?.bits ?? 0));
    const parts = new Set(places.map(({ isNew }) => (isNew ? 'new' : 'cur')));
    // Names and UIDs are made durable at the same time: a crash that leaves one without the other is made good by who looks next.
    const syncing = [...parts].map((part) => syncDirectory(mailboxFiles.part(mailbox.place.directory, part)));
    const [entered, ...synced] = await Promise.allSettled([mailbox.enter(places), ...syncing]);
    for (const result of synced) if (result.status === 'rejected') throw result.reason;
    if (entered.status === 'rejected') throw entered.reason;
    const uids = entered.value;
    for (const [index, uid] of uids.entries())
      for (const number of numbers[index]?.others ?? [])
        mailbox.state.noteKeyword(uid, number, true, mailbox.state.highest);
    for (const { message, file } of this.#finished) accounting.note(file.sizeBytes, undefined, message.flags);
    accounting.settle();
    return uids;
  }

  #written(): Written {
    if (this.#open === undefined) throw new Error('no message was begun');
    return this.#open;
  }

  async #orGiveUp<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      await this.abort();
      throw error instanceof MailboxRefusal ? error : fileTrouble(error);
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#finished = [];
    this.#open = undefined;
    this.#left();
  }
}

async function put({ file, lineEnds }: Written, parts: readonly Buffer[]): Promise<void> {
  let bytes = 0;
  for (const part of parts) {
    lineEnds.add(part);
    bytes += part.length;
  }
  if (bytes > smallBytes) await file.writeLater(parts);
  else file.write(parts);
}

/** Without flags a message goes into new/, as from Dovecot. */
function enterFile({ message, file, lineEnds }: Written, keywordBits: number): RowPlace {
  const bits = (message.flags & systemFlagBits & ~flagBits.passed) | keywordBits;
  const sized = (unique: string): string => `${unique},S=${file.sizeBytes},W=${file.sizeBytes + lineEnds.bare}`;
  const info = bits === 0 ? '' : `2,${lettersOfBits(bits)}`;
  const name = file.enter(bits === 0 ? 'new' : 'cur', (unique) =>
    info === '' ? sized(unique) : `${sized(unique)}:${info}`,
  );
  return { base: name.split(':')[0] ?? name, info, isNew: bits === 0 };
}
