// Copying and moving messages to a mailbox of the same account (formats/dovecot.md 1.6, 3.2).
//
//   COPY    hard links in the target's tmp/, without a lock; then, under the target's lock, all are renamed into cur/ and get UIDs. One file stands in both mailboxes.
//   MOVE    under both locks, the one with the lesser path first: each file is renamed from one cur/ to the other, all get UIDs.
//
// A copy keeps the name (base) of the message, unless the target's list has it already or the name does not tell the size, or a wrong one; then it gets a new one, and the old one is kept as the record's G, the
// message's GUID. Keywords are looked up by name in the target, where they have other letters.
//
//   crash while                      leaves
//   COPY makes links                 files in tmp/, removed after 36 hours
//   COPY renames                     some of the copies
//   MOVE renames                     each message in one of the two
//   UIDs are given                   the messages without a UID; who looks next gives one
//
// When it fails half-way what was done is undone. Where a hard link cannot be (another file system), the text is copied.

import fs from 'node:fs';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { describe, errnoOf } from '../../../errors.js';
import { bytesPath, fileTrouble } from '../../../files/read.js';
import { syncDirectory } from '../../../files/sync.js';
import { keywordBits, lettersOfBits } from '../../../formats/mailbox/message-flags.js';
import { parseMaildirBase } from '../../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../../layout.js';
import { nextUniqueName } from '../../maildir/maildir-message.js';
import type { Mailbox } from '../folder/mailbox.js';
import type { RowPlace } from '../folder/message-table.js';
import type { CopiedMessages } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';
import { Accounting } from './accounting.js';
import { removeAll } from './expunge.js';
import { keywordNamesOf, mustBeKeywords, registerKeywords } from './named-keywords.js';
import { knownWireBytes } from './open.js';
import type { Room } from './room.js';
import { lookFromOutside, withMessage } from './whereabouts.js';

const linksInARow = 50;
/** How long a mover that holds one lock waits for the other before it lets go and tries again. */
const secondLockPatienceMs = 5_000;
const moveAttempts = 12;
const someAreGone = 'Some of the requested messages no longer exist';

export interface CopyTarget {
  readonly mailbox: Mailbox;
  readonly room: Room;
}

/** A message on its way: what it has in the source. */
interface Travelling {
  readonly uid: number;
  readonly base: string;
  /** System flags and `passed`. */
  readonly bits: number;
  readonly keywords: readonly string[];
  readonly sizeBytes: number;
  /** RFC822.SIZE, where it is known. */
  readonly wireBytes: number | undefined;
}

interface Linked extends Travelling {
  /** Its name in the target's tmp/. */
  readonly temporary: string;
}

/**
 * @param uids rising
 * @param whenGone what a message that is not there any more means: `skip` it, or `refuse` to copy the others
 * @throws MailboxRefusal EXPUNGEISSUED, OVERQUOTA, INUSE, LOST; TemporaryError; nothing is copied then
 */
export async function copyMessages(
  source: Mailbox,
  { mailbox: target, room }: CopyTarget,
  uids: readonly number[],
  whenGone: 'skip' | 'refuse',
): Promise<CopiedMessages> {
  const linked: Linked[] = [];
  try {
    for (const [done, uid] of uids.entries()) {
      if (done % linksInARow === linksInARow - 1) await nextTurn();
      const link = await linkInto(source, target, uid);
      if (link !== undefined) linked.push(link);
      else if (whenGone === 'refuse') throw new MailboxRefusal('EXPUNGEISSUED', someAreGone);
    }
    const bytes = linked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await room.mustHold({ bytes, count: linked.length }, target.place.directory);
    if (linked.length === 0) return { uidValidity: target.uidValidity, sources: [], targets: [] };
    const targets = await target.change(() => enterLinked(target, linked));
    await syncDirectory(mailboxFiles.part(target.place.directory, 'cur'));
    return { uidValidity: target.uidValidity, sources: linked.map(({ uid }) => uid), targets };
  } catch (error) {
    for (const { temporary } of linked)
      fs.rmSync(bytesPath(mailboxFiles.message(target.place.directory, 'tmp', temporary)), { force: true });
    throw error instanceof MailboxRefusal ? error : fileTrouble(error);
  }
}

async function linkInto(source: Mailbox, target: Mailbox, uid: number): Promise<Linked | undefined> {
  const temporary = nextUniqueName();
  const path = mailboxFiles.message(target.place.directory, 'tmp', temporary);
  const linked = await withMessage(source, uid, lookFromOutside(source), (from, row) => {
    linkOrCopy(from, path);
    return travelling(source, row, path);
  });
  return linked && { ...linked.value, temporary };
}

function travelling(source: Mailbox, row: number, path: string): Travelling {
  const base = source.table.baseAt(row);
  const sizeBytes = fs.statSync(bytesPath(path)).size;
  return {
    uid: source.table.uidAt(row),
    base,
    bits: source.table.bitsAt(row) & ~keywordBits,
    keywords: keywordNamesOf(source, row),
    sizeBytes,
    wireBytes: knownWireBytes(source, row, sizeBytes),
  };
}

const noLink: ReadonlySet<string | undefined> = new Set([
  'EXDEV',
  'EPERM',
  'EMLINK',
  'EOPNOTSUPP',
  'ENOTSUP',
  'ENOSYS',
]);

function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(bytesPath(from), bytesPath(to));
  } catch (error) {
    if (!noLink.has(errnoOf(error))) throw error;
    copyFile(from, to);
  }
}

function copyFile(from: string, to: string): void {
  fs.copyFileSync(bytesPath(from), bytesPath(to), fs.constants.COPYFILE_EXCL);
  const { mtime, uid, gid } = fs.statSync(bytesPath(from));
  const fd = fs.openSync(bytesPath(to), 'r+');
  try {
    if (process.geteuid?.() === 0) fs.fchownSync(fd, uid, gid);
    fs.futimesSync(fd, mtime, mtime);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Under the target's lock. */
async function enterLinked(target: Mailbox, linked: readonly Linked[]): Promise<number[]> {
  const entering = new Entering(target);
  return target.changing({ seen: true }, async () => {
    try {
      for (const message of linked) {
        const place = entering.place(message);
        fs.renameSync(
          bytesPath(mailboxFiles.message(target.place.directory, 'tmp', message.temporary)),
          bytesPath(entering.pathOf(place)),
        );
        entering.came(place, message);
      }
      return await entering.finish();
    } catch (error) {
      for (const place of entering.places) fs.rmSync(bytesPath(entering.pathOf(place)), { force: true });
      target.forgetNames();
      throw error;
    }
  });
}

/** Messages that come into a mailbox, under its lock. */
class Entering {
  readonly places: RowPlace[] = [];
  readonly #target: Mailbox;
  readonly #accounting: Accounting;
  readonly #guids = new Map<string, string>();
  readonly #others: (readonly number[])[] = [];
  readonly #taken = new Set<string>();

  constructor(target: Mailbox) {
    this.#target = target;
    this.#accounting = new Accounting(target);
  }

  /** The name that a message gets. Its keywords are registered. */
  place({ base, bits, keywords, sizeBytes, wireBytes }: Travelling): RowPlace {
    const numbers = registerKeywords(this.#target, keywords.filter(isStorable));
    this.#others.push(numbers.others);
    const letters = lettersOfBits(bits | numbers.bits);
    const named = parseMaildirBase(base);
    const isTrue =
      named.sizeBytes === sizeBytes && (named.wireSizeBytes === undefined || named.wireSizeBytes === wireBytes);
    const isFree = this.#target.uidList.uidOf(base) === undefined && !this.#taken.has(base);
    // Both sizes or none: of a name with S= alone Dovecot 2.3 makes one with a wrong W= when it copies it for the second time, and cuts the message off.
    const sizes = wireBytes === undefined ? '' : `,S=${sizeBytes},W=${wireBytes}`;
    const own = isTrue && isFree ? base : `${nextUniqueName()}${sizes}`;
    if (own !== base) this.#guids.set(own, base);
    return { base: own, info: `2,${letters}`, isNew: false };
  }

  came(place: RowPlace, { sizeBytes, bits }: Travelling): void {
    this.places.push(place);
    this.#taken.add(place.base);
    this.#accounting.note(sizeBytes, undefined, bits);
  }

  pathOf({ base, info }: RowPlace): string {
    return mailboxFiles.message(this.#target.place.directory, 'cur', `${base}:${info}`);
  }

  /** Gives them UIDs. */
  async finish(): Promise<number[]> {
    const uids = await this.#target.enter(this.places, this.#guids);
    const modSeq = this.#target.state.highest;
    for (const [index, uid] of uids.entries())
      for (const number of this.#others[index] ?? []) this.#target.state.noteKeyword(uid, number, true, modSeq);
    this.#accounting.settle();
    return uids;
  }
}

function isStorable(keyword: string): boolean {
  try {
    mustBeKeywords([keyword]);
    return true;
  } catch {
    return false;
  }
}

/** @param uids rising @throws as `copyMessages`; nothing is moved then */
export async function moveMessages(
  source: Mailbox,
  target: CopyTarget,
  uids: readonly number[],
): Promise<CopiedMessages> {
  if (source === target.mailbox || isElsewhere(source, target.mailbox)) {
    const copied = await copyMessages(source, target, uids, 'skip');
    await source.change(() =>
      source.changing({ fresh: source.table.newCount > 0, seen: true }, () => removeAll(source, copied.sources)),
    );
    return copied;
  }
  const isSourceFirst = source.place.directory < target.mailbox.place.directory;
  const [first, second] = isSourceFirst ? [source, target.mailbox] : [target.mailbox, source];
  for (let attempt = 1; ; attempt++) {
    try {
      const moved = await first.change(() =>
        second.change(() => move(source, target.mailbox, uids), secondLockPatienceMs),
      );
      await Promise.all(
        [source, target.mailbox].map(({ place }) => syncDirectory(mailboxFiles.part(place.directory, 'cur'))),
      );
      return moved;
    } catch (error) {
      if (!(error instanceof MailboxRefusal && error.code === 'INUSE') || attempt === moveAttempts) throw error;
      await pause(50 + 200 * Math.random());
    }
  }
}

function isElsewhere(source: Mailbox, target: Mailbox): boolean {
  const deviceOf = ({ place }: Mailbox): number =>
    fs.statSync(bytesPath(mailboxFiles.part(place.directory, 'cur'))).dev;
  return deviceOf(source) !== deviceOf(target);
}

interface Moved {
  readonly uid: number;
  readonly from: string;
  readonly to: string;
}

/** Under both locks. */
async function move(source: Mailbox, target: Mailbox, uids: readonly number[]): Promise<CopiedMessages> {
  const leaving = new Accounting(source);
  const entering = new Entering(target);
  const moved: Moved[] = [];
  return source.changing({ fresh: source.table.newCount > 0, seen: true }, () =>
    target.changing({ seen: true }, async () => {
      try {
        for (const [done, uid] of uids.entries()) {
          if (done % linksInARow === linksInARow - 1) await nextTurn();
          const one = await withMessage(
            source,
            uid,
            () => source.lookAgain(),
            (from, row) => {
              const message = travelling(source, row, from);
              const place = entering.place(message);
              const to = entering.pathOf(place);
              fs.renameSync(bytesPath(from), bytesPath(to));
              entering.came(place, message);
              leaving.note(message.sizeBytes, source.table.bitsAt(row), undefined);
              return { uid, from, to };
            },
          );
          if (one !== undefined) moved.push(one.value);
        }
        const targets = await entering.finish();
        source.removeRows(moved.map(({ uid }) => source.table.indexOf(uid)).filter((row) => row >= 0));
        leaving.settle();
        return { uidValidity: target.uidValidity, sources: moved.map(({ uid }) => uid), targets };
      } catch (error) {
        undo(moved, source);
        source.forgetNames();
        target.forgetNames();
        throw error instanceof MailboxRefusal ? error : fileTrouble(error);
      }
    }),
  );
}

function undo(moved: readonly Moved[], source: Mailbox): void {
  for (const { from, to } of moved) {
    try {
      fs.renameSync(bytesPath(to), bytesPath(from));
    } catch (error) {
      source.log.warning(
        `mailbox ${source.place.directory}: a message that was being moved stays in the other mailbox: ${describe(error)}`,
      );
    }
  }
}
