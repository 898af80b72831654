// One folder of an account as this process knows it, shared by all sessions that look at it: the messages with their UIDs, flags, names and mod-sequences, kept true to the disk.
//
//   sync       a look at the times of new/, cur/, dovecot-uidlist and vq-state; nothing more when they are what they were. Otherwise, under dovecot-uidlist.lock: what changed is read
//              and compared (name-comparison.ts), new files get UIDs, files that are gone leave, flags that others changed get a new mod-sequence.
//   change     the same first, then what is to be done, under the same lock: operations/ have it.
//
//   crash after                            leaves
//   UIDs are in the list                   the messages with these UIDs
//   files were renamed or removed          the same, without a mod-sequence; who looks next gives one
//
// When the lock stays taken, a mailbox that is known stays as it was known; one that is not cannot be opened.

import fs from 'node:fs';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { describe, TemporaryError } from '../../../errors.js';
import { racyMs } from '../../../files/identity.js';
import { bytesPath, fileTrouble, isMissing } from '../../../files/read.js';
import { keywordBits } from '../../../formats/mailbox/message-flags.js';
import { inOrderOfArrival } from '../../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../../layout.js';
import type { Log } from '../../../log.js';
import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import { nextUniqueName } from '../../maildir/maildir-message.js';
import { messageNames } from '../../maildir/message-list.js';
import { MessageCache } from '../../message-cache/message-cache.js';
import type { MessageFacts } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';
import { beginUidList } from '../takeover/first-list.js';
import { DirectoryLook } from './directory-look.js';
import { resolveDoubles } from './doubles.js';
import { KeywordFile } from './keyword-file.js';
import { lockPatienceMs, MailboxLock } from './mailbox-lock.js';
import { MessageTable, type NewRow, type RowPlace } from './message-table.js';
import { bitsOfInfo, type Comparison, compareNames } from './name-comparison.js';
import { fileManner, type MailboxPlace, makeParts } from './place.js';
import { RecentMessages } from './recent-messages.js';
import { StateFile } from './state-file.js';
import { type FileManner, UidListFile } from './uid-list-file.js';
import { rangesOf } from './uid-ranges.js';
import { UnseenRecords } from './unseen-records.js';

/** How long a look waits for the lock when there is something to show without it. */
const syncPatienceMs = 5_000;
/** Looks at a directory that others change all the time. */
const looks = 5;
const renamesInARow = 200;

const noDifference: Comparison = { moved: [], appeared: [], gone: [], doubles: [] };

export class Mailbox {
  readonly place: MailboxPlace;
  readonly log: Log;
  readonly table = new MessageTable();
  readonly keywords: KeywordFile;
  readonly state: StateFile;
  readonly uidList: UidListFile;
  /** What was worked out of messages and is kept on disk; undefined where it is not. */
  readonly cache: MessageCache | undefined;
  /** What was learned of messages without reading them: by UID, for as long as the mailbox is kept. */
  readonly facts = new Map<number, MessageFacts>();
  /** New messages that no session has been told of as recent. */
  readonly recent = new RecentMessages();
  readonly #lock: MailboxLock;
  readonly #fresh: DirectoryLook;
  readonly #seen: DirectoryLook;
  readonly #listeners = new Set<() => void>();
  #uidValidity = 0;
  #isWhole = false;
  /** Whether there are rows without a mod-sequence. */
  #isUnnumbered = false;
  readonly #unseen = new UnseenRecords();
  /** Whether the last look has seen every file that there is. */
  #isExact = false;
  /** UIDs up to this were known; one that comes back was told to be gone. */
  #knownUid = 0;
  #lastUse = 0;

  constructor(place: MailboxPlace, log: Log, { hasCache = true } = {}) {
    const { directory } = place;
    this.place = place;
    this.log = log;
    this.keywords = new KeywordFile(directory);
    this.state = new StateFile(directory);
    this.uidList = new UidListFile(directory);
    const cachePlace = { path: mailboxFiles.cache(directory), messages: this.table, manner: () => this.manner() };
    this.cache = hasCache ? new MessageCache(cachePlace) : undefined;
    this.#lock = new MailboxLock(directory);
    this.#fresh = new DirectoryLook(directory, 'new');
    this.#seen = new DirectoryLook(directory, 'cur');
  }

  /** 0 until the first look. */
  get uidValidity(): number {
    return this.#uidValidity;
  }

  get lastUse(): number {
    return this.#lastUse;
  }

  /** When a look is needed although nothing tells of a change. */
  get recheckAtMs(): number | undefined {
    const times = [this.#fresh.recheckAtMs, this.#seen.recheckAtMs].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Calls back after every change of what is known. @returns stops it */
  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /**
   * Takes in what is on disk.
   * @param options.moveNew whether messages leave new/ for cur/
   * @throws MailboxRefusal LOST when the mailbox is gone; CorruptFileError, TemporaryError
   */
  async sync({ moveNew = false } = {}): Promise<void> {
    const isNeeded = (): boolean => this.#isStale() || (moveNew && this.table.newCount > 0);
    this.#lastUse = Date.now();
    if (!isNeeded()) return;
    const isFirst = this.#uidValidity === 0;
    const take = async (isLocked: boolean): Promise<void> => {
      if (isLocked) await this.#takeIn(moveNew);
      else if (isFirst) throw inUse();
    };
    await this.#guarded(isFirst ? lockPatienceMs : syncPatienceMs, take, isNeeded);
  }

  /**
   * Does something under the lock, on a mailbox that is known as it is.
   * @param work may change names in new/ and cur/, and says so with `changing`
   * @throws MailboxRefusal INUSE when the lock stays taken, and as `sync`
   */
  async change<T>(work: () => Promise<T>, patienceMs = lockPatienceMs): Promise<T> {
    const done = await this.#guarded(patienceMs, async (isLocked) => {
      if (!isLocked) throw inUse();
      await this.#takeIn(false);
      try {
        return { value: await work() };
      } finally {
        this.state.flush(this.manner(), this.table);
        this.#tell();
      }
    });
    return (done as { value: T }).value;
  }

  /** How files are made here. */
  manner(): FileManner {
    return fileManner(this.place);
  }

  /**
   * Renames or removes files, under the lock, so that our own look at the directories goes on to be right.
   * @throws what `act` throws
   */
  async changing<T>(parts: { readonly fresh?: boolean; readonly seen?: boolean }, act: () => Promise<T>): Promise<T> {
    const nowMs = Date.now();
    const looks = [parts.fresh ? this.#fresh : undefined, parts.seen ? this.#seen : undefined].filter(
      (look) => look !== undefined,
    );
    const known = looks.map((look) => look.state(nowMs) === 'known');
    try {
      return await act();
    } finally {
      for (const [index, look] of looks.entries()) {
        if (known[index]) look.changedByUs(nowMs);
        else look.forget();
      }
    }
  }

  /** The names in new/ and cur/ must be read again: a file was not where it was known to be. */
  forgetNames(): void {
    this.#fresh.forget();
    this.#seen.forget();
  }

  /** Reads new/ and cur/ again under the lock. For `change`. */
  async lookAgain(): Promise<void> {
    this.forgetNames();
    await this.#takeIn(false);
  }

  /**
   * Enters messages whose files have just been put here, under the lock. Durable when it resolves.
   * @param guids old names of those that were copied under a new one
   */
  async enter(places: readonly RowPlace[], guids?: ReadonlyMap<string, string>): Promise<number[]> {
    const given = await this.uidList.append(
      places.map(({ base }) => base),
      this.#appending(guids),
    );
    this.#addRows(places.map((place, index) => newRow(place, given[index]?.uid ?? 0)));
    this.#giveModSeqs();
    this.#knownUid = this.uidList.nextUid - 1;
    return given.map(({ uid }) => uid);
  }

  /** Messages have left: they are gone from the table, with a mod-sequence of their own. Under the lock. @param indexes rising */
  removeRows(indexes: readonly number[]): void {
    if (indexes.length === 0) return;
    const modSeq = this.state.next();
    const uids = indexes.map((index) => this.table.uidAt(index));
    for (const { first, last } of rangesOf(uids)) this.state.noteExpunged(first, last, modSeq);
    this.recent.remove(uids);
    for (const uid of uids) this.facts.delete(uid);
    this.table.remove(indexes);
  }

  /** A row has other flags. @param modSeq that of the operation */
  noteFlags(index: number, modSeq: number): void {
    this.table.setModSeq(index, modSeq);
    this.state.noteMessage(this.table.uidAt(index), this.table.bitsAt(index), modSeq);
  }

  /** UIDs expunged after a mod-sequence; undefined when that is not known any more. */
  expungedSince(modSeq: number): NumberRange[] | undefined {
    if (modSeq < this.state.floor) return undefined;
    return this.state.expungedSince(modSeq).map(({ first, last }) => ({ first, last }));
  }

  async #guarded<T>(
    patienceMs: number,
    work: (isLocked: boolean) => Promise<T>,
    isNeeded?: () => boolean,
  ): Promise<T | undefined> {
    try {
      return await this.#lock.run(() => this.manner(), patienceMs, work, isNeeded);
    } catch (error) {
      if (error instanceof MailboxRefusal) throw error;
      const cause = error instanceof TemporaryError ? error.cause : error;
      if (isMissing(cause) && fs.statSync(bytesPath(this.place.directory), { throwIfNoEntry: false }) === undefined)
        throw new MailboxRefusal('LOST', 'Mailbox was deleted under us', error);
      throw fileTrouble(error);
    }
  }

  /** Whether anything may be otherwise than it is known. A few stats. */
  #isStale(): boolean {
    if (!this.#isWhole) return true;
    const nowMs = Date.now();
    if (this.#fresh.state(nowMs) !== 'known' || this.#seen.state(nowMs) !== 'known') return true;
    return this.uidList.isChanged() || this.state.isChanged();
  }

  /** Under the lock. */
  async #takeIn(moveNew: boolean): Promise<void> {
    await this.#readList();
    this.keywords.refresh();
    const comparison = await this.#compare();
    const before = this.state.highest;
    const unlisted = this.#apply(comparison);
    unlisted.push(...(await this.#noteVanished()));
    await this.#giveUids(unlisted);
    if (comparison !== noDifference) this.#nameLetters();
    if (moveNew) await this.#moveNew();
    this.state.flush(this.manner(), this.table);
    this.#isWhole = true;
    this.#knownUid = this.uidList.nextUid - 1;
    if (this.state.highest !== before) this.#tell();
  }

  /** The list as it is now; a new one where there is none. */
  async #readList(): Promise<void> {
    const how = await this.uidList.refresh();
    // Another process has put messages here, maybe in the tick of our last change.
    if (how !== 'same') for (const look of [this.#fresh, this.#seen]) look.forgetIfSuspect();
    if (this.uidList.header === undefined) await beginUidList(this);
    if (this.uidList.uidValidity !== this.#uidValidity) this.#beginAnew();
    else if (how === 'other') this.#dropRenumbered();
  }

  /** Another UIDVALIDITY: nothing of what was known holds. */
  #beginAnew(): void {
    this.#uidValidity = this.uidList.uidValidity;
    this.table.clear();
    this.recent.clear();
    this.facts.clear();
    this.#unseen.clear();
    this.#knownUid = 0;
    this.#isWhole = false;
    this.forgetNames();
  }

  /** The list was written anew. Messages that have another UID by now, or none, are gone under the old one; the names are read again for the new ones. */
  #dropRenumbered(): void {
    const gone: number[] = [];
    for (let index = 0; index < this.table.count; index++)
      if (this.uidList.uidOf(this.table.baseAt(index)) !== this.table.uidAt(index)) gone.push(index);
    if (gone.length === 0) return;
    this.removeRows(gone);
    this.forgetNames();
  }

  /** Reads the names that may have changed, and again as long as others change them in the middle of it. */
  async #compare(): Promise<Comparison> {
    const uidOf = (base: string): number | undefined => this.uidList.uidOf(base);
    let missing: ReadonlySet<number> = new Set();
    for (let look = 1; ; look++) {
      const { names, isExact } = await this.#readNames();
      if (names.fresh === undefined && names.seen === undefined) return noDifference;
      const comparison = await compareNames(this.table, uidOf, names);
      // What is not seen once may have been renamed while the directory was read; what is not seen twice is gone.
      const isSure = isExact || comparison.gone.every((index) => missing.has(index));
      if (isSure || look === looks) {
        const newName = (base: string): string => [nextUniqueName(), ...base.split(',').slice(1)].join(',');
        const resolved = resolveDoubles(comparison, {
          directory: this.place.directory,
          table: this.table,
          uidOf,
          newName,
        });
        if (comparison.doubles.length > 0) this.#fresh.forget();
        return resolved;
      }
      missing = new Set(comparison.gone);
      this.forgetNames();
      await pause(racyMs);
    }
  }

  async #readNames(): Promise<{
    names: { fresh: string[] | undefined; seen: string[] | undefined };
    isExact: boolean;
  }> {
    const nowMs = Date.now();
    const states = [this.#fresh.state(nowMs), this.#seen.state(nowMs)];
    if (states.includes('missing')) makeParts(this.place);
    // A look at cur/ always looks at new/ first: a message that is moved meanwhile must not be missed.
    const [readFresh, readSeen] = [states.some((state) => state !== 'known'), states[1] !== 'known'];
    const freshRead = readFresh ? this.#fresh.begin(nowMs) : undefined;
    const fresh = readFresh ? await messageNames(this.place.directory, 'new') : undefined;
    const isFreshExact = freshRead?.() ?? true;
    const seenRead = readSeen ? this.#seen.begin(nowMs) : undefined;
    const seen = readSeen ? await messageNames(this.place.directory, 'cur') : undefined;
    const isSeenExact = seenRead?.() ?? true;
    this.#isExact = readFresh && readSeen && isFreshExact && isSeenExact;
    return { names: { fresh, seen }, isExact: isFreshExact && isSeenExact };
  }

  /**
   * Takes a comparison into the table, and what others recorded of mod-sequences.
   * @returns files that have no UID yet
   */
  #apply({ moved, appeared, gone }: Comparison): RowPlace[] {
    for (const { index, isNew, info, bits } of moved) {
      // Another session, of this process or not, has taken it for recent.
      if (this.table.isNewAt(index) && !isNew) this.recent.remove([this.table.uidAt(index)]);
      if (bits !== this.table.bitsAt(index)) {
        this.table.setModSeq(index, 0);
        this.#isUnnumbered = true;
      }
      this.table.setPlace(index, isNew, info, bits);
    }
    const rows: NewRow[] = [];
    const unlisted: RowPlace[] = [];
    for (const place of appeared) {
      const uid = this.uidList.uidOf(place.base);
      if (uid === undefined) unlisted.push(place);
      else if (this.#wasGone(uid)) {
        // A client was told that this UID is gone; the message comes back under a new one.
        this.uidList.rewriteNext();
        unlisted.push(place);
      } else rows.push(newRow(place, uid));
    }
    this.removeRows(gone);
    rows.sort((a, b) => a.uid - b.uid);
    this.#addRows(rows, ({ isNew }) => isNew);
    this.state.refresh(this.#uidValidity, (uid, bits, modSeq) => this.#learn(uid, bits, modSeq));
    for (const [number, name] of this.state.names) this.keywords.learn(number, name);
    if (this.#knownUid === 0) unlisted.push(...this.#takeOutExpunged());
    this.#giveModSeqs();
    return unlisted;
  }

  /** At the first look: messages that were told to be gone, and are back (a restored backup). */
  #takeOutExpunged(): RowPlace[] {
    const indexes: number[] = [];
    for (const { first, last } of this.state.expunged)
      for (
        let index = this.table.firstFrom(first);
        index < this.table.count && this.table.uidAt(index) <= last;
        index++
      )
        indexes.push(index);
    if (indexes.length === 0) return [];
    const places = indexes.map((index) => this.table.placeAt(index));
    this.uidList.rewriteNext();
    this.table.remove([...new Set(indexes)].sort((a, b) => a - b));
    return places;
  }

  /** What is in vq-state and has no file has left while nobody looked. @returns files without a UID that another look has found */
  async #noteVanished(): Promise<RowPlace[]> {
    const vanished = (): NumberRange[] => this.#unseen.gone((uid) => this.table.indexOf(uid) >= 0, this.state.expunged);
    const unlisted: RowPlace[] = [];
    if (vanished().length > 0 && !this.#isExact) {
      this.forgetNames();
      unlisted.push(...this.#apply(await this.#compare()));
    }
    const ranges = vanished();
    if (ranges.length > 0) {
      const modSeq = this.state.next();
      for (const { first, last } of ranges) this.state.noteExpunged(first, last, modSeq);
    }
    this.#unseen.clear();
    return unlisted;
  }

  #wasGone(uid: number): boolean {
    return uid <= this.#knownUid;
  }

  #learn(uid: number, bits: number, modSeq: number): void {
    const index = this.table.indexOf(uid);
    if (index < 0) {
      this.#unseen.add(uid);
      return;
    }
    // A record that is not of the flags as they are was followed by a change that nobody recorded.
    const isSame = this.table.bitsAt(index) === bits;
    this.table.setModSeq(index, isSame ? modSeq : 0);
    if (!isSame) this.#isUnnumbered = true;
  }

  #addRows(rows: readonly NewRow[], isRecent = (_: NewRow): boolean => true): void {
    this.table.add(rows);
    const recent: number[] = [];
    for (const row of rows) if (isRecent(row)) recent.push(row.uid);
    this.recent.add(recent);
    if (rows.length > 0) this.#isUnnumbered = true;
  }

  /** What changed and has no mod-sequence yet gets one. */
  #giveModSeqs(): void {
    if (!this.#isUnnumbered) return;
    this.#isUnnumbered = false;
    let modSeq = 0;
    for (let index = 0; index < this.table.count; index++) {
      if (this.table.modSeqAt(index) !== 0) continue;
      if (modSeq === 0) modSeq = this.state.next();
      this.noteFlags(index, modSeq);
    }
  }

  async #giveUids(places: readonly RowPlace[]): Promise<void> {
    if (places.length === 0 && !this.uidList.needsWriting) return;
    try {
      await this.enter(inOrderOfArrival(places));
    } catch (error) {
      this.forgetNames();
      throw error;
    }
  }

  #appending(guids?: ReadonlyMap<string, string>): Parameters<UidListFile['append']>[1] {
    const isLive = (uid: number): boolean => this.table.indexOf(uid) >= 0;
    return { manner: this.manner(), live: this.table.count, isLive, guids };
  }

  /** Letters that have no name get one, as Dovecot would give it. */
  #nameLetters(): void {
    let used = 0;
    for (let index = 0; index < this.table.count; index++) used |= this.table.bitsAt(index);
    this.keywords.register([], used & keywordBits, this.manner());
  }

  /** Messages leave new/ for cur/ when somebody has opened the mailbox to change it. */
  async #moveNew(): Promise<void> {
    const { table, place } = this;
    const indexes: number[] = [];
    for (let index = 0; index < table.count; index++) if (table.isNewAt(index)) indexes.push(index);
    if (indexes.length === 0) return;
    await this.changing({ fresh: true, seen: true }, async () => {
      for (const [done, index] of indexes.entries()) {
        if (done % renamesInARow === renamesInARow - 1) await nextTurn();
        const info = table.infoAt(index) === '' ? '2,' : table.infoAt(index);
        const from = `${place.directory}/new/${table.nameAt(index)}`;
        try {
          fs.renameSync(bytesPath(from), bytesPath(`${place.directory}/cur/${table.baseAt(index)}:${info}`));
        } catch (error) {
          if (!isMissing(error)) throw fileTrouble(error);
          this.#fresh.forget();
          continue;
        }
        const bits = bitsOfInfo(info, false);
        const isOther = bits !== table.bitsAt(index);
        table.setPlace(index, false, info, bits);
        // One for each: others have their turn in between.
        if (isOther) this.noteFlags(index, this.state.next());
      }
    });
  }

  /** Others are told of what was changed. */
  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.log.warning(`mailbox: ${describe(error)}`);
      }
    }
  }
}

function newRow({ base, info, isNew }: RowPlace, uid: number): NewRow {
  return { uid, base, info, isNew, bits: bitsOfInfo(info, isNew), modSeq: 0 };
}

function inUse(): MailboxRefusal {
  return new MailboxRefusal('INUSE', 'Timeout while waiting for lock');
}
