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

/** Of a keyword that has no letter. */
interface OtherChange {
  readonly number: number;
  readonly isSet: boolean;
}

const noOthers: readonly OtherChange[] = [];

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
  readonly #infos = new Map<string, string>();

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
        const changing = this.#one(uid);
        if (changing !== undefined) await changing;
      }
    } catch (error) {
      throw fileTrouble(error);
    } finally {
      this.#accounting.settle();
    }
    const result = { modified: this.#modified, missing: this.#missing, changed: this.#changed };
    return { result, silenced: this.#silenced };
  }

  /** @returns to be awaited if it is a promise */
  #one(uid: number): Promise<void> | undefined {
    const { table } = this.#mailbox;
    const row = table.indexOf(uid);
    if (row < 0) {
      this.#missing.push(uid);
      return undefined;
    }
    const modSeq = table.modSeqAt(row);
    if (this.#options.unchangedSince !== undefined && modSeq > this.#options.unchangedSince) {
      this.#modified.push(uid);
      return undefined;
    }
    const others = this.#otherChanges(uid);
    if (this.#bitsFor(row) === table.bitsAt(row) && others.length === 0) return undefined;
    return this.#change(uid, modSeq, others);
  }

  #change(uid: number, before: number, others: readonly OtherChange[]): Promise<void> | undefined {
    const renamed = withMessage(this.#mailbox, uid, this.#look, this.#rename);
    if (renamed instanceof Promise) return renamed.then((done) => this.#note(uid, before, others, done !== undefined));
    this.#note(uid, before, others, renamed !== undefined);
    return undefined;
  }

  readonly #look = (): Promise<void> => this.#mailbox.lookAgain();

  #note(uid: number, before: number, others: readonly OtherChange[], isThere: boolean): void {
    if (!isThere) {
      this.#missing.push(uid);
      return;
    }
    // One for each message: a view that is brought up to date meanwhile has seen what has the highest one.
    const modSeq = this.#mailbox.state.next();
    this.#mailbox.noteFlags(this.#mailbox.table.indexOf(uid), modSeq);
    for (const { number, isSet } of others) this.#mailbox.state.noteKeyword(uid, number, isSet, modSeq);
    this.#changed.push(uid);
    // A change by somebody else that the view was not told of yet must be told, with this one.
    if (this.#options.isSilent && before <= this.#options.toldModSeq) this.#silenced.set(uid, modSeq);
  }

  readonly #rename = (path: string, row: number): void => {
    const { table, place } = this.#mailbox;
    const bits = this.#bitsFor(row);
    const info = this.#infoFor(table.isNewAt(row), table.infoAt(row), bits);
    const target = mailboxFiles.message(place.directory, 'cur', `${table.baseAt(row)}:${info}`);
    const before = table.bitsAt(row);
    const size = isDeleted(before) === isDeleted(bits) ? undefined : this.#accounting.sizeOf(row, path);
    if (target !== path) fs.renameSync(bytesPath(path), bytesPath(target));
    this.#accounting.note(size, before, bits);
    table.setPlace(row, false, info, bits);
  };

  /** What stands behind the colon then. Few messages differ in it. */
  #infoFor(isNew: boolean, info: string, bits: number): string {
    const key = `${isNew ? 'new' : 'cur'} ${bits} ${info}`;
    const known = this.#infos.get(key);
    if (known !== undefined) return known;
    const name = info === '' ? '' : `:${info}`;
    const next = withFlags(name, changedLetters(isNew ? '' : flagsOf(name), bits)).slice(1);
    this.#infos.set(key, next);
    return next;
  }

  #bitsFor(row: number): number {
    const bits = this.#mailbox.table.bitsAt(row);
    if (this.#mode === 'add') return bits | this.#flags;
    if (this.#mode === 'remove') return bits & ~this.#flags;
    return (bits & ~(systemFlagBits | keywordBits)) | this.#flags;
  }

  /** Changes of keywords that have no letter. */
  #otherChanges(uid: number): readonly OtherChange[] {
    const has = this.#mailbox.state.keywordsOf(uid);
    const { others } = this.#keywords;
    if (has === undefined && others.length === 0) return noOthers;
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
