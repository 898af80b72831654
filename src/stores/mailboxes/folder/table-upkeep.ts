// The table of a mailbox's messages kept true: what was found on disk is taken in, and what belongs to a row goes along with it: its mod-sequence, whether it is recent, what was learned of the
// message, and that a UID whose message has left is never shown again.
//
// What changed gets a mod-sequence of its own. Others record theirs in vq-state; a record that is not of the flags as they are was followed by a change that nobody recorded.
// A message that left while nobody looked is in vq-state, and has no file: it gets an expunge, so that who comes back with QRESYNC hears of it.

import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import type { MessageFacts } from '../mailbox-types.js';
import type { MessageTable, RowPlace } from './message-table.js';
import type { Comparison } from './names/name-comparison.js';
import { RecentMessages } from './recent-messages.js';
import type { StateFile } from './state-file.js';
import type { UidListFile } from './uid-list-file.js';
import { rangesOf } from './uid-ranges.js';
import { UnseenRecords } from './unseen-records.js';

/** All under the mailbox's lock. */
export class TableUpkeep {
  /** New messages that no session has been told of as recent. */
  readonly recent = new RecentMessages();
  /** What was learned of messages without reading them: by UID, for as long as the mailbox is kept. */
  readonly facts = new Map<number, MessageFacts>();
  readonly #table: MessageTable;
  readonly #state: StateFile;
  readonly #uidList: UidListFile;
  /** From here on there may be rows without a mod-sequence. */
  #unnumberedFrom = Number.POSITIVE_INFINITY;
  readonly #unseen = new UnseenRecords();
  /** UIDs up to this were known; one that comes back was told to be gone. */
  #knownUid = 0;

  constructor(table: MessageTable, state: StateFile, uidList: UidListFile) {
    this.#table = table;
    this.#state = state;
    this.#uidList = uidList;
  }

  /** Another UIDVALIDITY: nothing of what was known holds. */
  clear(): void {
    this.#table.clear();
    this.recent.clear();
    this.facts.clear();
    this.#unseen.clear();
    this.#knownUid = 0;
  }

  /** Everything that the list has is taken in. */
  settle(): void {
    this.#knownUid = this.#uidList.nextUid - 1;
  }

  /** Messages have got their UIDs. @param firstUid that of the first; those of the others follow it */
  enter(places: readonly RowPlace[], firstUid: number): void {
    this.#unnumberedFrom = Math.min(this.#unnumberedFrom, this.#table.count);
    this.#table.append(places, firstUid);
    if (places.length > 0) this.recent.add([{ first: firstUid, last: firstUid + places.length - 1 }]);
    this.#giveModSeqs();
    this.settle();
  }

  /** Messages have left: they are gone from the table, with a mod-sequence of their own. @param indexes rising */
  remove(indexes: readonly number[]): void {
    if (indexes.length === 0) return;
    const uids = indexes.map((index) => this.#table.uidAt(index));
    this.#noteExpunged(rangesOf(uids));
    this.recent.remove(uids);
    for (const uid of uids) this.facts.delete(uid);
    this.#take(indexes);
  }

  /** A row has other flags. @param modSeq that of the operation */
  noteFlags(index: number, modSeq: number): void {
    this.#table.setModSeq(index, modSeq);
    this.#state.noteMessage(this.#table.uidAt(index), this.#table.bitsAt(index), modSeq);
  }

  /** The list was written anew: messages that have another UID by now, or none, are gone under the old one. @returns whether there are such */
  dropRenumbered(): boolean {
    const gone: number[] = [];
    for (let index = 0; index < this.#table.count; index++)
      if (this.#uidList.uidOf(this.#table.baseAt(index)) !== this.#table.uidAt(index)) gone.push(index);
    this.remove(gone);
    return gone.length > 0;
  }

  /**
   * Takes in how the names on disk differ, and what others recorded of mod-sequences.
   * @returns files that have no UID yet
   */
  apply({ moved, listed, unlisted, gone }: Comparison): RowPlace[] {
    for (const { index, isNew, info, bits } of moved) {
      // Another session, of this process or not, has taken it for recent.
      if (this.#table.isNewAt(index) && !isNew) this.recent.remove([this.#table.uidAt(index)]);
      if (bits !== this.#table.bitsAt(index)) this.#unnumber(index);
      this.#table.setPlace(index, isNew, info, bits);
    }
    // A client was told that these UIDs are gone; the messages come back under new ones.
    const back = listed.filter(({ uid }) => uid <= this.#knownUid);
    if (back.length > 0) this.#uidList.rewriteNext();
    const rows = back.length > 0 ? listed.filter(({ uid }) => uid > this.#knownUid) : [...listed];
    this.remove(gone);
    rows.sort((a, b) => a.uid - b.uid);
    this.#unnumberedFrom = Math.min(this.#unnumberedFrom, this.#table.add(rows));
    this.recent.add(rangesOf(rows.filter(({ isNew }) => isNew).map(({ uid }) => uid)));
    this.#state.refresh(this.#uidList.uidValidity, (uid, bits, modSeq) => this.#learn(uid, bits, modSeq));
    const restored = this.#knownUid === 0 ? this.#takeOutExpunged() : [];
    this.#giveModSeqs();
    return [...unlisted, ...back, ...restored];
  }

  /** Whether messages that vq-state has a record of have no row. */
  get hasVanished(): boolean {
    return this.#vanished().length > 0;
  }

  /** These have left while nobody looked. */
  noteVanished(): void {
    const ranges = this.#vanished();
    if (ranges.length > 0) this.#noteExpunged(ranges);
    this.#unseen.clear();
  }

  #vanished(): NumberRange[] {
    return this.#unseen.gone((uid) => this.#table.indexOf(uid) >= 0, this.#state.expunged);
  }

  #noteExpunged(ranges: readonly NumberRange[]): void {
    const modSeq = this.#state.next();
    for (const { first, last } of ranges) this.#state.noteExpunged(first, last, modSeq);
  }

  /** At the first look: messages that were told to be gone, and are back (a restored backup). */
  #takeOutExpunged(): RowPlace[] {
    const indexes = new Set<number>();
    for (const { first, last } of this.#state.expunged)
      for (
        let index = this.#table.firstFrom(first);
        index < this.#table.count && this.#table.uidAt(index) <= last;
        index++
      )
        indexes.add(index);
    if (indexes.size === 0) return [];
    const places = [...indexes].map((index) => this.#table.placeAt(index));
    this.#uidList.rewriteNext();
    this.#take([...indexes].sort((a, b) => a - b));
    return places;
  }

  #learn(uid: number, bits: number, modSeq: number): void {
    const index = this.#table.indexOf(uid);
    if (index < 0) this.#unseen.add(uid);
    else if (this.#table.bitsAt(index) === bits) this.#table.setModSeq(index, modSeq);
    else this.#unnumber(index);
  }

  /** @param indexes rising */
  #take(indexes: readonly number[]): void {
    this.#table.remove(indexes);
    if (this.#unnumberedFrom !== Number.POSITIVE_INFINITY)
      this.#unnumberedFrom = Math.min(this.#unnumberedFrom, indexes[0] ?? 0);
  }

  #unnumber(index: number): void {
    this.#table.setModSeq(index, 0);
    this.#unnumberedFrom = Math.min(this.#unnumberedFrom, index);
  }

  /** What changed and has no mod-sequence yet gets one. */
  #giveModSeqs(): void {
    const from = this.#unnumberedFrom;
    this.#unnumberedFrom = Number.POSITIVE_INFINITY;
    let modSeq = 0;
    for (let index = from; index < this.#table.count; index++) {
      if (this.#table.modSeqAt(index) !== 0) continue;
      if (modSeq === 0) modSeq = this.#state.next();
      this.noteFlags(index, modSeq);
    }
  }
}
