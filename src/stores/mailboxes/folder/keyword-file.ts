// dovecot-keywords as it stands on disk (formats/dovecot.md 2.4; form: formats/mailbox/dovecot-keywords.ts), and the names of keywords that have no letter any more.
//
// The first 26 keywords of a mailbox have letters a to z, whose names stand in dovecot-keywords. Later ones get numbers from 26 on; their names stand in our own vq-state, and
// no other program sees them.
//
// Written only by whoever holds dovecot-uidlist.lock, before the first name that has the letter: dovecot-keywords.lock with the new contents, renamed. Its modification time rises by a second
// at least, since Dovecot goes by whole seconds.

import fs from 'node:fs';
import { type Identity, identityOf, isRacy, sameIdentity } from '../../../files/identity.js';
import { giveTo } from '../../../files/owner.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../../files/read.js';
import {
  keywordKey,
  letteredKeywords,
  parseDovecotKeywords,
  serializeDovecotKeywords,
  unknownKeyword,
} from '../../../formats/mailbox/dovecot-keywords.js';
import { mailboxFiles } from '../../../layout.js';
import type { FileManner } from './uid-list-file.js';

export class KeywordFile {
  readonly #path: string;
  #identity: Identity | undefined;
  #isSettled = false;
  #names: (string | undefined)[] = [];
  #numbers = new Map<string, number>();

  /** @param directory disk path of the mailbox */
  constructor(directory: string) {
    this.#path = mailboxFiles.keywords(directory);
  }

  /** Names by number: those with letters, and from 26 on those without. A new array after every change. */
  get names(): readonly (string | undefined)[] {
    return this.#names;
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(keywordKey(name));
  }

  /** Reads the file if it is another than before. @returns whether names came or changed @throws TemporaryError */
  refresh(): boolean {
    try {
      const readAtMs = Date.now();
      const identity = identityOf(bytesPath(this.#path));
      const before = this.#identity;
      if (identity === undefined && before === undefined) return false;
      if (identity !== undefined && before !== undefined && this.#isSettled && sameIdentity(identity, before))
        return false;
      const lettered = parseDovecotKeywords(readIfPresent(this.#path) ?? Buffer.alloc(0));
      this.#identity = identity;
      this.#isSettled = identity !== undefined && !isRacy(identity, readAtMs);
      return this.#take(lettered);
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /** Enters the name of a keyword without a letter, as vq-state has it. */
  learn(number: number, name: string): void {
    if (number < letteredKeywords || this.#names[number] !== undefined) return;
    const names = [...this.#names];
    while (names.length < number) names.push(undefined);
    names[number] = name;
    this.#set(names);
  }

  /**
   * Gives names to letters that have none and numbers to names that have none, and makes them durable. Called under the lock, after `refresh`.
   * @param bits of letters that are in use
   * @returns names that got a number without a letter, to be written to vq-state
   * @throws TemporaryError
   */
  register(
    names: readonly string[],
    bits: number,
    manner: FileManner,
  ): { readonly number: number; readonly name: string }[] {
    const next = [...this.#names];
    const others: { number: number; name: string }[] = [];
    for (let number = 0; number < letteredKeywords; number++)
      if (bits & (1 << number) && next[number] === undefined) place(next, number, unknownKeyword(number));
    for (const name of names) {
      if (this.numberOf(name) !== undefined) continue;
      const number = freeNumber(next);
      place(next, number, name);
      if (number >= letteredKeywords) others.push({ number, name });
    }
    const isChanged = next.slice(0, letteredKeywords).some((name, number) => name !== this.#names[number]);
    if (isChanged) this.#replace(next.slice(0, letteredKeywords), manner);
    if (isChanged || others.length > 0) this.#set(next);
    return others;
  }

  #take(lettered: readonly (string | undefined)[]): boolean {
    const next = [
      ...lettered,
      ...Array<undefined>(letteredKeywords - lettered.length),
      ...this.#names.slice(letteredKeywords),
    ];
    while (next.length > 0 && next.at(-1) === undefined) next.pop();
    if (next.length === this.#names.length && next.every((name, number) => name === this.#names[number])) return false;
    this.#set(next);
    return true;
  }

  #set(names: (string | undefined)[]): void {
    this.#names = names;
    this.#numbers = new Map();
    for (const [number, name] of names.entries()) {
      // The first of two counts: the one with a letter.
      if (name !== undefined && !this.#numbers.has(keywordKey(name))) this.#numbers.set(keywordKey(name), number);
    }
  }

  #replace(lettered: readonly (string | undefined)[], { mode, uid, gid }: FileManner): void {
    const lock = bytesPath(`${this.#path}.lock`);
    try {
      const before = identityOf(bytesPath(this.#path));
      fs.rmSync(lock, { force: true });
      const fd = fs.openSync(lock, 'wx', mode);
      try {
        giveTo(fd, uid, gid);
        fs.fchmodSync(fd, mode);
        fs.writeSync(fd, serializeDovecotKeywords(lettered));
        const seconds = Math.max(
          Math.floor(Date.now() / 1000),
          before === undefined ? 0 : Number(before.mtimeNs / 1_000_000_000n) + 1,
        );
        fs.futimesSync(fd, seconds, seconds);
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      fs.renameSync(lock, bytesPath(this.#path));
      this.#identity = identityOf(bytesPath(this.#path));
      this.#isSettled = true;
    } catch (error) {
      fs.rmSync(lock, { force: true });
      throw fileTrouble(error);
    }
  }
}

function place(names: (string | undefined)[], number: number, name: string): void {
  while (names.length < number) names.push(undefined);
  names[number] = name;
}

function freeNumber(names: readonly (string | undefined)[]): number {
  const free = names.indexOf(undefined);
  return free < 0 ? names.length : free;
}
