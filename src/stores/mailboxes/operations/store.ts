// Changing flags: each message is renamed, from new/ to cur/ in the same step, with letters computed from the name that it has now, so that letters of other programs stay. All under one lock; who
// asks for 100,000 messages holds it for a second or so.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bytesPath, fileTrouble } from '../../../files/read.js';
import { changedLetters, flagBits, keywordBits, systemFlagBits } from '../../../formats/mailbox/message-flags.js';
import { flagsOf, withFlags } from '../../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../../layout.js';
import type { Mailbox } from '../folder/mailbox.js';
import type { FlagChange, StoreOptions, StoreResult } from '../mailbox-types.js';
import { Accounting } from './accounting.js';
import { type KeywordNumbers, knownKeywords, mustBeKeywords, registerKeywords } from './named-keywords.js';
import { withMessage } from './whereabouts.js';

export interface StoreFlags extends StoreOptions {
  /** Up to which mod-sequence the asking view was told. */
  readonly toldModSeq: number;
  /** Called under the lock. @throws what ends it */
  check(): void;
}

export interface StoredFlags {
  readonly result: StoreResult;
  /** UID -> mod-sequence of changes that the view need not be told of. */
  readonly silenced: ReadonlyMap<number, number>;
}

const renamesInARow = 100;

/** @throws MailboxRefusal for keywords that cannot be, before anything is changed; LOST, INUSE; TemporaryError, with what was done until then kept */
export async function storeFlags(
  mailbox: Mailbox,
  uids: readonly number[],
  change: FlagChange,
  options: StoreFlags,
): Promise<StoredFlags> {
  if (change.mode !== 'remove') mustBeKeywords(change.keywords);
  return mailbox.change(() => {
    options.check();
    const storing = new Storing(mailbox, change, options);
    return mailbox.changing({ fresh: mailbox.table.newCount > 0, seen: true }, () => storing.all(uids));
  });
}

class Storing {
  readonly #mailbox: Mailbox;
  readonly #mode: FlagChange['mode'];
  readonly #flags: number;
  readonly #keywords: KeywordNumbers;
  readonly #options: StoreFlags;
  readonly #accounting: Accounting;
  readonly #modified: number[] = [];
  readonly #missing: number[] = [];
  readonly #changed: number[] = [];
  readonly #silenced = new Map<number, number>();

  constructor(mailbox: Mailbox, { mode, flags, keywords }: FlagChange, options: StoreFlags) {
    this.#mailbox = mailbox;
    this.#mode = mode;
    this.#keywords = mode === 'remove' ? knownKeywords(mailbox, keywords) : registerKeywords(mailbox, keywords);
    this.#flags = (flags & systemFlagBits) | this.#keywords.bits;
    this.#options = options;
    this.#accounting = new Accounting(mailbox);
  }

  async all(uids: readonly number[]): Promise<StoredFlags> {
    try {
      for (const [done, uid] of uids.entries()) {
        if (done % renamesInARow === renamesInARow - 1) await nextTurn();
        await this.#one(uid);
      }
    } finally {
      this.#accounting.settle();
    }
    const result = { modified: this.#modified, missing: this.#missing, changed: this.#changed };
    return { result, silenced: this.#silenced };
  }

  #one(uid: number): void | Promise<void> {
    const { table } = this.#mailbox;
    const row = table.indexOf(uid);
    if (row < 0) return void this.#missing.push(uid);
    const modSeq = table.modSeqAt(row);
    if (this.#options.unchangedSince !== undefined && modSeq > this.#options.unchangedSince)
      return void this.#modified.push(uid);
    const others = this.#otherChanges(uid);
    if (this.#bitsFor(row) === table.bitsAt(row) && others.length === 0) return;
    return this.#change(uid, modSeq, others);
  }

  async #change(uid: number, before: number, others: readonly { number: number; isSet: boolean }[]): Promise<void> {
    try {
      const look = (): Promise<void> => this.#mailbox.lookAgain();
      const done = await withMessage(this.#mailbox, uid, look, (path, row) => this.#rename(path, row));
      if (done === undefined) return void this.#missing.push(uid);
    } catch (error) {
      throw fileTrouble(error);
    }
    // One for each message: a view that is brought up to date meanwhile has seen what has the highest one.
    const modSeq = this.#mailbox.state.next();
    this.#mailbox.noteFlags(this.#mailbox.table.indexOf(uid), modSeq);
    for (const { number, isSet } of others) this.#mailbox.state.noteKeyword(uid, number, isSet, modSeq);
    this.#changed.push(uid);
    // A change by somebody else that the view was not told of yet must be told, with this one.
    if (this.#options.isSilent && before <= this.#options.toldModSeq) this.#silenced.set(uid, modSeq);
  }

  #rename(path: string, row: number): void {
    const { table, place } = this.#mailbox;
    const bits = this.#bitsFor(row);
    const name = table.nameAt(row);
    const letters = changedLetters(table.isNewAt(row) ? '' : flagsOf(name), bits);
    const named = withFlags(name, letters);
    const target = mailboxFiles.message(place.directory, 'cur', named);
    const before = table.bitsAt(row);
    const size = isDeleted(before) === isDeleted(bits) ? undefined : this.#accounting.sizeOf(row, path);
    if (target !== path) fs.renameSync(bytesPath(path), bytesPath(target));
    this.#accounting.note(size, before, bits);
    table.setPlace(row, false, named.slice(named.indexOf(':') + 1), bits);
  }

  #bitsFor(row: number): number {
    const bits = this.#mailbox.table.bitsAt(row);
    if (this.#mode === 'add') return bits | this.#flags;
    if (this.#mode === 'remove') return bits & ~this.#flags;
    return (bits & ~(systemFlagBits | keywordBits)) | this.#flags;
  }

  /** Changes of keywords that have no letter. */
  #otherChanges(uid: number): { number: number; isSet: boolean }[] {
    const has = this.#mailbox.state.keywordsOf(uid);
    const { others } = this.#keywords;
    const added = this.#mode === 'remove' ? [] : others.filter((number) => !has?.has(number));
    const leaving = this.#mode === 'replace' ? [...(has ?? [])].filter((number) => !others.includes(number)) : others;
    const removed = this.#mode === 'add' ? [] : leaving.filter((number) => has?.has(number));
    return [
      ...added.map((number) => ({ number, isSet: true })),
      ...removed.map((number) => ({ number, isSet: false })),
    ];
  }
}

/** Whether a message is marked to be deleted. */
export function isDeleted(bits: number): boolean {
  return (bits & flagBits.deleted) !== 0;
}
