// A mailbox as one session sees it: sequence numbers that stay what they are until the session says that it may be told of changes.
//
//   disk, other sessions  --sync-->  the mailbox, shared by the sessions of a process  --takeChanges-->  what this session's client was told
//
// `sync` looks at the disk (a few stats when nothing changed) and takes in what other programs did. `takeChanges` does no I/O: it brings the view up to date and says what the
// client has to be told. Between the two the view stays as it was: a message that is gone keeps its number, has no flags any more and cannot be opened.
//
// Flags are those of now, not those of the last `takeChanges`.

import { letteredKeywords } from '../../formats/mailbox/dovecot-keywords.js';
import { flagBits } from '../../formats/mailbox/message-flags.js';
import type { NumberRange } from '../../protocols/imap/sequence-set.js';
import { resolveRanges } from '../../protocols/imap/sequence-set.js';
import type { AccountMailboxes } from './account-mailboxes.js';
import type { Mailbox } from './folder/mailbox.js';
import { indexIn } from './folder/message-table.js';
import { RecentMessages } from './folder/recent-messages.js';
import { commonRanges, gapsOf, rangesOf } from './folder/uid-ranges.js';
import type {
  CopiedMessages,
  FlagChange,
  MessageFacts,
  OpenedMessage,
  StoreOptions,
  StoreResult,
  ViewChanges,
} from './mailbox-types.js';
import { ViewCache } from './operations/cache.js';
import { copyMessages, moveMessages } from './operations/copy.js';
import { expungeMessages } from './operations/expunge.js';
import { factsOf, openMessage } from './operations/open.js';
import { storeFlags } from './operations/store.js';
import { MailboxRefusal } from './refusal.js';

/** What a view is made of, and whom it tells that its session has left. */
export interface ViewOrigin {
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly mailbox: Mailbox;
  /** Starts the watch that all views of a mailbox share. @returns stops this view's part in it */
  watch(heard: () => void): () => void;
  left(): void;
}

/** Methods that return a promise throw MailboxRefusal LOST when the mailbox is not there any more, and TemporaryError for trouble. */
export class MailboxView {
  /** The mailbox's name when it was opened. */
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly uidValidity: number;
  /** 32 hexadecimal digits, MAILBOXID. */
  readonly mailboxId: string;
  readonly #origin: ViewOrigin;
  readonly #mailbox: Mailbox;
  readonly #recent = new RecentMessages();
  #uids: Uint32Array;
  /** The table's generation when indexes of rows are those of the view; -1 when there are messages in the view that are gone. */
  #generation: number;
  #keywords: readonly (string | undefined)[];
  /** Changes up to this were told, but for expunged messages that wait. */
  #toldModSeq: number;
  /** All changes up to this were told. */
  #whollyToldModSeq: number;
  /** UID -> mod-sequence of the view's own silent change; where there is any. */
  #silent: ReadonlyMap<number, number> | undefined;
  #isOpen = true;

  constructor(origin: ViewOrigin) {
    const { mailbox } = origin;
    this.#origin = origin;
    this.#mailbox = mailbox;
    this.name = origin.name;
    this.isReadOnly = origin.isReadOnly;
    this.uidValidity = mailbox.uidValidity;
    this.mailboxId = mailbox.uidList.guid;
    this.#uids = mailbox.table.uids;
    this.#generation = mailbox.table.generation;
    this.#keywords = mailbox.keywords.names;
    this.#toldModSeq = mailbox.state.highest;
    this.#whollyToldModSeq = mailbox.state.highest;
    this.#claimRecent();
  }

  get uidNext(): number {
    return this.#mailbox.uidList.nextUid;
  }

  /** HIGHESTMODSEQ of what the view has been told of: changes that `takeChanges` has still to tell have a higher one. */
  get highestModSeq(): number {
    return this.#whollyToldModSeq;
  }

  /** The names of keywords: index 0 to 25 are those of bits 0 to 25 (undefined: none has this number), later ones have no bit. */
  get keywords(): readonly (string | undefined)[] {
    return this.#mailbox.keywords.names;
  }

  /** Messages in the view. */
  get count(): number {
    return this.#uids.length;
  }

  get recentCount(): number {
    const { recent } = this.#mailbox;
    return this.#recent.count + (this.isReadOnly ? recent.countIn(this.#uids) : 0);
  }

  /** The UIDs of the view, ascending: index 0 is sequence number 1. Not to be changed; another array after changes. */
  get uids(): Uint32Array {
    return this.#uids;
  }

  /** Sequence number of the message with this UID; 0 when the view has none. */
  sequenceOf(uid: number): number {
    return indexIn(this.#uids, this.#uids.length, uid) + 1;
  }

  /** The first message without \Seen; 0 when there is none. */
  get firstUnseen(): number {
    const { table } = this.#mailbox;
    if (table.generation === this.#generation) return table.firstUnseen < this.count ? table.firstUnseen + 1 : 0;
    for (let sequence = 1; sequence <= this.count; sequence++) {
      const flags = this.flagsAt(sequence);
      if (flags !== undefined && (flags & flagBits.seen) === 0) return sequence;
    }
    return 0;
  }

  /** Bits of the message with this sequence number; undefined when it is gone or there is none. */
  flagsAt(sequence: number): number | undefined {
    const row = this.#rowOf(sequence);
    return row < 0 ? undefined : this.#mailbox.table.bitsAt(row);
  }

  /** Names of its keywords that have no bit; nearly always none. */
  otherKeywordsAt(sequence: number): readonly string[] {
    const numbers = this.#mailbox.state.keywordsOf(this.#uids[sequence - 1] ?? 0);
    if (numbers === undefined) return [];
    return [...numbers].flatMap((number) => (number < letteredKeywords ? [] : (this.keywords[number] ?? [])));
  }

  /** Its mod-sequence; 0 when it is gone. */
  modSeqAt(sequence: number): number {
    const row = this.#rowOf(sequence);
    return row < 0 ? 0 : this.#mailbox.table.modSeqAt(row);
  }

  isRecentAt(sequence: number): boolean {
    const uid = this.#uids[sequence - 1] ?? 0;
    return this.#recent.has(uid) || (this.isReadOnly && this.#mailbox.recent.has(uid));
  }

  /** What EMAILID is made of: the same for copies of a message, in other mailboxes too. '' when it is gone. */
  guidAt(sequence: number): string {
    const row = this.#rowOf(sequence);
    if (row < 0) return '';
    const { table, uidList } = this.#mailbox;
    const own = uidList.extensionsOf(table.uidAt(row)).find((extension) => extension.startsWith('G'));
    return own === undefined ? table.baseAt(row) : own.slice(1);
  }

  /** Takes in what is on disk. */
  async sync(): Promise<void> {
    await this.#mailbox.sync({ moveNew: !this.isReadOnly });
    this.#mustBeThere();
  }

  /** Brings the view up to date. @param options.mayExpunge false while sequence numbers must stay (FETCH, STORE, SEARCH) @throws MailboxRefusal LOST */
  takeChanges({ mayExpunge }: { readonly mayExpunge: boolean }): ViewChanges {
    this.#mustBeThere();
    const { table, state } = this.#mailbox;
    const hasNewKeywords = this.takeNewKeywords();
    const before = this.#uids;
    const recentBefore = this.recentCount;
    const expunged = this.#takeUids(mayExpunge);
    const known = before.length - expunged.length;
    const exists = this.#uids.length > known ? this.#uids.length : undefined;
    if (exists !== undefined) this.#claimRecent();
    const flags = state.highest > this.#toldModSeq ? this.#changedFlags(known) : [];
    this.#toldModSeq = state.highest;
    if (this.#generation === table.generation) this.#whollyToldModSeq = state.highest;
    this.#silent = undefined;
    const recent = exists !== undefined || this.recentCount !== recentBefore ? this.recentCount : undefined;
    return { hasNewKeywords, expunged, exists, recent, flags };
  }

  /** Whether there are keywords that the view was not told of. It counts as told of them from here on. */
  takeNewKeywords(): boolean {
    const { names } = this.#mailbox.keywords;
    if (names === this.#keywords) return false;
    this.#keywords = names;
    return true;
  }

  /** Whether `takeChanges` would tell anything, as far as is known without a look at the disk. */
  get hasChanges(): boolean {
    const { table, keywords, state } = this.#mailbox;
    if (this.#mailbox.uidValidity !== this.uidValidity || table.generation !== this.#generation) return true;
    return table.count !== this.#uids.length || state.highest > this.#toldModSeq || keywords.names !== this.#keywords;
  }

  /** What was worked out of its messages before, for one command. */
  openCache(): Promise<ViewCache> {
    return ViewCache.open(this.#mailbox, (sequence) => this.#rowOf(sequence));
  }

  /** Opens a message; undefined when it is gone. */
  openMessage(sequence: number): Promise<OpenedMessage | undefined> {
    return openMessage(this.#mailbox, this.#uids[sequence - 1] ?? 0);
  }

  /** Sizes and dates, from memory, its name, or the file; undefined when it is gone. At once where no file must be read. */
  facts(sequence: number): MessageFacts | undefined | Promise<MessageFacts | undefined> {
    return factsOf(this.#mailbox, this.#uids[sequence - 1] ?? 0);
  }

  /** Changes flags. @param sequences ascending @throws MailboxRefusal LIMIT or CANNOT for a keyword that cannot be stored, before anything is changed */
  async store(sequences: readonly number[], change: FlagChange, options: StoreOptions = {}): Promise<StoreResult> {
    this.#mustBeWritable();
    const { result, silenced } = await storeFlags(this.#mailbox, this.#uidsOf(sequences), change, {
      ...options,
      toldModSeq: this.#toldModSeq,
      check: () => this.#mustBeThere(),
    });
    if (silenced.size > 0) this.#silent = new Map([...(this.#silent ?? []), ...silenced]);
    return result;
  }

  /** Removes the messages with \Deleted, all or those among `sequences`. @returns their UIDs; `takeChanges` tells of them */
  expunge(sequences?: readonly number[]): Promise<readonly number[]> {
    return this.#expunge(sequences, 'deleted');
  }

  /** Removes messages, whatever their flags (REPLACE). */
  expungeThese(sequences: readonly number[]): Promise<readonly number[]> {
    return this.#expunge(sequences, 'any');
  }

  /** Copies messages: all or none. Whether none, or the others, when some are gone is `whenGone`. @throws MailboxRefusal EXPUNGEISSUED and others */
  copyTo(
    account: AccountMailboxes,
    name: string,
    sequences: readonly number[],
    whenGone: 'skip' | 'refuse',
  ): Promise<CopiedMessages> {
    const uids = this.#uidsOf(sequences);
    return account.intoMailbox(name, (target) => copyMessages(this.#mailbox, target, uids, whenGone));
  }

  /** Moves messages; `takeChanges` tells that they are gone from here. */
  moveTo(account: AccountMailboxes, name: string, sequences: readonly number[]): Promise<CopiedMessages> {
    this.#mustBeWritable();
    return account.intoMailbox(name, (target) => moveMessages(this.#mailbox, target, this.#uidsOf(sequences)));
  }

  /**
   * UIDs that were expunged after a mod-sequence and whose going was told, as ascending ranges that do not touch; where that is not known any more, all UIDs below uidNext that are not there.
   * @param within only UIDs in these ranges (ascending, not touching); all when undefined
   */
  vanishedSince(modSeq: number, within?: readonly NumberRange[]): readonly NumberRange[] {
    const known = this.#mailbox.expungedSince(modSeq);
    const gone = known === undefined ? gapsOf(this.#uids, this.uidNext - 1) : resolveRanges(known, 0);
    // What is told later as EXPUNGE is not told here.
    const there = rangesOf(this.#uids);
    const vanished = commonRanges(gone, gapsBetween(there));
    return within === undefined ? vanished : commonRanges(vanished, within);
  }

  /**
   * Calls back when something may have changed: at once for changes by sessions of this process, within moments for others (a watch shared by all views of a mailbox; where that
   * fails, polling). The listener then calls `sync` and `takeChanges`.
   * @returns stops it
   */
  onHint(listener: () => void): () => void {
    return this.#origin.watch(listener);
  }

  /** The session has left the mailbox. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#origin.left();
  }

  async #expunge(sequences: readonly number[] | undefined, which: 'deleted' | 'any'): Promise<readonly number[]> {
    this.#mustBeWritable();
    // Only what the session knows of: a message that came meanwhile, with \Deleted, stays.
    const uids = sequences === undefined ? this.#uids : this.#uidsOf(sequences);
    return expungeMessages(this.#mailbox, uids, which, () => this.#mustBeThere());
  }

  #uidsOf(sequences: readonly number[]): number[] {
    return sequences.flatMap((sequence) => this.#uids[sequence - 1] ?? []);
  }

  /** The row of the table; -1 when the message is gone. */
  #rowOf(sequence: number): number {
    if (sequence < 1 || sequence > this.#uids.length) return -1;
    const { table } = this.#mailbox;
    if (table.generation === this.#generation) return sequence - 1;
    if (this.#mailbox.uidValidity !== this.uidValidity) return -1;
    return table.indexOf(this.#uids[sequence - 1] ?? 0);
  }

  /** Takes the table's UIDs. @returns what has to be told, the highest number first */
  #takeUids(mayExpunge: boolean): { sequence: number; uid: number }[] {
    const { table } = this.#mailbox;
    const now = table.uids;
    if (table.generation === this.#generation) {
      if (now.length !== this.#uids.length) this.#uids = now;
      return [];
    }
    const gone: { sequence: number; uid: number }[] = [];
    for (let index = this.#uids.length - 1; index >= 0; index--) {
      const uid = this.#uids[index] ?? 0;
      if (table.indexOf(uid) < 0) gone.push({ sequence: index + 1, uid });
    }
    if (mayExpunge || gone.length === 0) {
      this.#uids = now;
      this.#generation = table.generation;
      this.#recent.remove(gone.map(({ uid }) => uid));
      return gone;
    }
    // What is gone keeps its number; what is new stands behind it.
    const last = this.#uids.at(-1) ?? 0;
    const added = now.subarray(table.firstFrom(last + 1));
    const both = new Uint32Array(this.#uids.length + added.length);
    both.set(this.#uids);
    both.set(added, this.#uids.length);
    this.#uids = both;
    this.#generation = -1;
    return [];
  }

  /** Messages among the first `known` of the view that have other flags than were told. */
  #changedFlags(known: number): { sequence: number; uid: number; isSilent: boolean }[] {
    const { table } = this.#mailbox;
    const changed: { sequence: number; uid: number; isSilent: boolean }[] = [];
    for (let sequence = 1; sequence <= known; sequence++) {
      const row = this.#rowOf(sequence);
      if (row < 0) continue;
      const modSeq = table.modSeqAt(row);
      if (modSeq <= this.#toldModSeq) continue;
      const uid = table.uidAt(row);
      changed.push({ sequence, uid, isSilent: this.#silent?.get(uid) === modSeq });
    }
    return changed;
  }

  #claimRecent(): void {
    if (!this.isReadOnly && !this.#mailbox.recent.isEmpty) this.#recent.takeFrom(this.#mailbox.recent);
  }

  #mustBeThere(): void {
    if (this.#mailbox.uidValidity !== this.uidValidity)
      throw new MailboxRefusal('LOST', 'The mailbox is another one now (UIDVALIDITY has changed)');
  }

  #mustBeWritable(): void {
    if (this.isReadOnly) throw new MailboxRefusal('CANNOT', 'The mailbox is open for reading only');
  }
}

/** What is between ranges, before and behind them. */
function gapsBetween(ranges: readonly NumberRange[]): NumberRange[] {
  const gaps: NumberRange[] = [];
  let next = 1;
  for (const { first, last } of ranges) {
    if (first > next) gaps.push({ first: next, last: first - 1 });
    next = last + 1;
  }
  return [...gaps, { first: next, last: 0xffff_ffff }];
}
