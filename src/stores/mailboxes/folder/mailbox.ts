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
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, TemporaryError } from '../../../errors.js';
import { bytesPath, fileTrouble, isMissing } from '../../../files/read.js';
import { keywordBits } from '../../../formats/mailbox/message-flags.js';
import { inOrderOfArrival } from '../../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../../layout.js';
import type { Log } from '../../../log.js';
import { describedVersion } from '../../../protocols/imap/envelope.js';
import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import { MessageCache } from '../../message-cache/message-cache.js';
import { MailboxRefusal } from '../refusal.js';
import { beginUidList } from '../takeover/first-list.js';
import { KeywordFile } from './keyword-file.js';
import { lockPatienceMs, MailboxLock } from './mailbox-lock.js';
import { bitsOfPlace, MessageTable, type RowPlace } from './message-table.js';
import { DirectoryNames, type DirectoryParts } from './names/directory-names.js';
import type { Comparison } from './names/name-comparison.js';
import { fileManner, type MailboxPlace } from './place.js';
import { StateFile } from './state-file.js';
import { TableUpkeep } from './table-upkeep.js';
import { type FileManner, UidListFile } from './uid-list-file.js';

/** How long a look waits for the lock when there is something to show without it. */
const syncPatienceMs = 5_000;
const renamesInARow = 200;

const noDifference: Comparison = { moved: [], listed: [], unlisted: [], gone: [], doubles: [] };

export class Mailbox {
  readonly place: MailboxPlace;
  readonly log: Log;
  readonly table = new MessageTable();
  readonly keywords: KeywordFile;
  readonly state: StateFile;
  readonly uidList: UidListFile;
  /** What was worked out of messages and is kept on disk; undefined where it is not. */
  readonly cache: MessageCache | undefined;
  readonly #lock: MailboxLock;
  readonly #names: DirectoryNames;
  readonly #upkeep: TableUpkeep;
  readonly #listeners = new Set<() => void>();
  #uidValidity = 0;
  #isWhole = false;
  #lastUse = 0;

  constructor(place: MailboxPlace, log: Log, { hasCache = true } = {}) {
    const { directory } = place;
    this.place = place;
    this.log = log;
    this.keywords = new KeywordFile(directory);
    this.state = new StateFile(directory);
    this.uidList = new UidListFile(directory);
    const cachePlace = {
      path: mailboxFiles.cache(directory),
      messages: this.table,
      valuesVersion: describedVersion,
      manner: this.manner,
    };
    this.cache = hasCache ? new MessageCache(cachePlace) : undefined;
    this.#lock = new MailboxLock(directory);
    this.#names = new DirectoryNames(place, this.table, (base) => this.uidList.uidOf(base));
    this.#upkeep = new TableUpkeep(this.table, this.state, this.uidList);
  }

  /** 0 until the first look. */
  get uidValidity(): number {
    return this.#uidValidity;
  }

  get lastUse(): number {
    return this.#lastUse;
  }

  /** What was learned of messages without reading them, by UID. */
  get facts(): TableUpkeep['facts'] {
    return this.#upkeep.facts;
  }

  /** New messages that no session has been told of as recent. */
  get recent(): TableUpkeep['recent'] {
    return this.#upkeep.recent;
  }

  /** When a look is needed although nothing tells of a change. */
  get recheckAtMs(): number | undefined {
    return this.#names.recheckAtMs;
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
        this.state.flush(this.manner, this.table);
        this.#tell();
      }
    });
    return (done as { value: T }).value;
  }

  /** How files are made here. Costs a stat. */
  readonly manner = (): FileManner => fileManner(this.place);

  /**
   * Renames or removes files, under the lock, so that our own look at the directories goes on to be right.
   * @throws what `act` throws
   */
  changing<T>(parts: DirectoryParts, act: () => Promise<T>): Promise<T> {
    return this.#names.changing(parts, act);
  }

  /** The names in new/ and cur/ must be read again: a file was not where it was known to be. */
  forgetNames(): void {
    this.#names.forget();
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
    const firstUid = await this.uidList.append(places, this.#appending(guids));
    this.#upkeep.enter(places, firstUid);
    return places.map((_, index) => firstUid + index);
  }

  /** Messages have left: they are gone from the table, with a mod-sequence of their own. Under the lock. @param indexes rising */
  removeRows(indexes: readonly number[]): void {
    this.#upkeep.remove(indexes);
  }

  /** A row has other flags. Under the lock. @param modSeq that of the operation */
  noteFlags(index: number, modSeq: number): void {
    this.#upkeep.noteFlags(index, modSeq);
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
      return await this.#lock.run(this.manner, patienceMs, work, isNeeded);
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
    return this.#names.isStale() || this.uidList.isChanged() || this.state.isChanged();
  }

  /** Under the lock. */
  async #takeIn(moveNew: boolean): Promise<void> {
    await this.#readList();
    this.keywords.refresh();
    const comparison = await this.#names.compare();
    const before = this.state.highest;
    const unlisted = this.#apply(comparison ?? noDifference);
    if (this.#upkeep.hasVanished && !this.#names.isExact) {
      // Another look may find them.
      this.forgetNames();
      unlisted.push(...this.#apply((await this.#names.compare()) ?? noDifference));
    }
    this.#upkeep.noteVanished();
    await this.#giveUids(unlisted);
    if (comparison !== undefined) this.#nameLetters();
    if (moveNew) await this.#moveNew();
    this.state.flush(this.manner, this.table);
    this.#isWhole = true;
    this.#upkeep.settle();
    if (this.state.highest !== before) this.#tell();
  }

  /** The list as it is now; a new one where there is none. */
  async #readList(): Promise<void> {
    const how = await this.uidList.refresh();
    // Another process has put messages here, maybe in the tick of our last change.
    if (how !== 'same') this.#names.forgetIfSuspect();
    if (this.uidList.header === undefined) await beginUidList(this);
    if (this.uidList.uidValidity !== this.#uidValidity) this.#beginAnew();
    else if (how === 'other' && this.#upkeep.dropRenumbered()) this.forgetNames();
  }

  /** Another UIDVALIDITY: nothing of what was known holds. */
  #beginAnew(): void {
    this.#uidValidity = this.uidList.uidValidity;
    this.#upkeep.clear();
    this.#isWhole = false;
    this.forgetNames();
  }

  #apply(comparison: Comparison): RowPlace[] {
    const unlisted = this.#upkeep.apply(comparison);
    for (const [number, name] of this.state.names) this.keywords.learn(number, name);
    return unlisted;
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
    return { manner: this.manner, live: this.table.count, isLive, guids };
  }

  /** Letters that have no name get one, as Dovecot would give it. */
  #nameLetters(): void {
    this.keywords.register([], this.table.usedBits & keywordBits, this.manner());
  }

  /** Messages leave new/ for cur/ when somebody has opened the mailbox to change it. */
  async #moveNew(): Promise<void> {
    const { table, place } = this;
    if (table.newCount === 0) return;
    const indexes: number[] = [];
    for (let index = 0; index < table.count; index++) if (table.isNewAt(index)) indexes.push(index);
    await this.changing({ fresh: true, seen: true }, async () => {
      for (const [done, index] of indexes.entries()) {
        if (done % renamesInARow === renamesInARow - 1) await nextTurn();
        const info = table.infoAt(index) === '' ? '2,' : table.infoAt(index);
        const from = `${place.directory}/new/${table.nameAt(index)}`;
        try {
          fs.renameSync(bytesPath(from), bytesPath(`${place.directory}/cur/${table.baseAt(index)}:${info}`));
        } catch (error) {
          if (!isMissing(error)) throw fileTrouble(error);
          this.#names.forget({ fresh: true });
          continue;
        }
        const bits = bitsOfPlace(info, false);
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

function inUse(): MailboxRefusal {
  return new MailboxRefusal('INUSE', 'Timeout while waiting for lock');
}
