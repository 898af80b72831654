// A mailbox as one session sees it: sequence numbers that stay what they are until the session says that it may be told of changes.
//
//   disk, other sessions  --sync-->  the mailbox, shared by the sessions of a process  --takeChanges-->  what this session's client was told
//
// `sync` looks at the disk (a few stats when nothing changed) and takes in what other programs did. `takeChanges` does no I/O: it brings the view up to date and says what the
// client has to be told. Between the two the view stays as it was: a message that is gone keeps its number, has no flags any more and cannot be opened.
//
// Flags are those of now, not those of the last `takeChanges`.

import type { AccountMailboxes } from './account-mailboxes.js';
import type {
  CopiedMessages,
  FlagChange,
  MessageFacts,
  OpenedMessage,
  StoreOptions,
  StoreResult,
  ViewChanges,
} from './mailbox-types.js';

/** Methods that return a promise throw MailboxRefusal LOST when the mailbox is not there any more, and TemporaryError for trouble. */
export class MailboxView {
  /** The mailbox's name when it was opened. */
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly uidValidity: number;
  /** 32 hexadecimal digits, MAILBOXID. */
  readonly mailboxId: string;

  constructor(name: string, isReadOnly: boolean, uidValidity: number, mailboxId: string) {
    this.name = name;
    this.isReadOnly = isReadOnly;
    this.uidValidity = uidValidity;
    this.mailboxId = mailboxId;
  }

  get uidNext(): number {
    throw new Error('not built yet');
  }

  /** HIGHESTMODSEQ of what the view has been told of: changes that `takeChanges` has still to tell have a higher one. */
  get highestModSeq(): number {
    throw new Error('not built yet');
  }

  /** The names of keywords: index 0 to 25 are those of bits 0 to 25 (undefined: none has this number), later ones have no bit. */
  get keywords(): readonly (string | undefined)[] {
    throw new Error('not built yet');
  }

  /** Messages in the view. */
  get count(): number {
    throw new Error('not built yet');
  }

  get recentCount(): number {
    throw new Error('not built yet');
  }

  /** The UIDs of the view, ascending: index 0 is sequence number 1. Not to be changed; another array after changes. */
  get uids(): Uint32Array {
    throw new Error('not built yet');
  }

  /** Sequence number of the message with this UID; 0 when the view has none. */
  sequenceOf(_uid: number): number {
    throw new Error('not built yet');
  }

  /** The first message without \Seen; 0 when there is none. */
  get firstUnseen(): number {
    throw new Error('not built yet');
  }

  /** Bits of the message with this sequence number; undefined when it is gone or there is none. */
  flagsAt(_sequence: number): number | undefined {
    throw new Error('not built yet');
  }

  /** Names of its keywords that have no bit; nearly always none. */
  otherKeywordsAt(_sequence: number): readonly string[] {
    throw new Error('not built yet');
  }

  modSeqAt(_sequence: number): number {
    throw new Error('not built yet');
  }

  isRecentAt(_sequence: number): boolean {
    throw new Error('not built yet');
  }

  /** What EMAILID is made of: the same for copies of a message, in other mailboxes too. */
  guidAt(_sequence: number): string {
    throw new Error('not built yet');
  }

  /** Takes in what is on disk. @param moment whether the look may rely on what was known a moment ago (`lazy`, for long rows of commands) */
  sync(): Promise<void> {
    throw new Error('not built yet');
  }

  /** Brings the view up to date. @param options.mayExpunge false while sequence numbers must stay (FETCH, STORE, SEARCH) */
  takeChanges(_options: { readonly mayExpunge: boolean }): ViewChanges {
    throw new Error('not built yet');
  }

  /** Whether `takeChanges` would tell anything, as far as is known without a look at the disk. */
  get hasChanges(): boolean {
    throw new Error('not built yet');
  }

  /** Opens a message; undefined when it is gone. */
  openMessage(_sequence: number): Promise<OpenedMessage | undefined> {
    throw new Error('not built yet');
  }

  /** Sizes and dates, from memory, its name, or the file; undefined when it is gone. At once where no file must be read. */
  facts(_sequence: number): MessageFacts | undefined | Promise<MessageFacts | undefined> {
    throw new Error('not built yet');
  }

  /** Changes flags. @param sequences ascending @throws MailboxRefusal LIMIT or CANNOT for a keyword that cannot be stored, before anything is changed */
  store(_sequences: readonly number[], _change: FlagChange, _options?: StoreOptions): Promise<StoreResult> {
    throw new Error('not built yet');
  }

  /** Removes the messages with \Deleted, all or those among `sequences`. @returns their UIDs; `takeChanges` tells of them */
  expunge(_sequences?: readonly number[]): Promise<readonly number[]> {
    throw new Error('not built yet');
  }

  /** Copies messages. All or none, but for those that are gone. */
  copyTo(_account: AccountMailboxes, _name: string, _sequences: readonly number[]): Promise<CopiedMessages> {
    throw new Error('not built yet');
  }

  /** Moves messages; `takeChanges` tells that they are gone from here. */
  moveTo(_account: AccountMailboxes, _name: string, _sequences: readonly number[]): Promise<CopiedMessages> {
    throw new Error('not built yet');
  }

  /**
   * UIDs that were expunged after a mod-sequence, as ascending ranges that do not touch; where that is not known any more, all UIDs below uidNext that are not there.
   * @param within only UIDs in these ranges; all when undefined
   */
  vanishedSince(
    _modSeq: number,
    _within?: readonly { readonly first: number; readonly last: number }[],
  ): readonly { readonly first: number; readonly last: number }[] {
    throw new Error('not built yet');
  }

  /**
   * Calls back when something may have changed: at once for changes by sessions of this process, within moments for others (a watch shared by all views of a mailbox; where that
   * fails, polling). The listener then calls `sync` and `takeChanges`.
   * @returns stops it
   */
  onHint(_listener: () => void): () => void {
    throw new Error('not built yet');
  }

  /** The session has left the mailbox. */
  close(): void {}
}
