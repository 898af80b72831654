// A session that does at random what people do with messages and folders that others use too, at our server or at Dovecot's: every message's subject begins with `x-`, and whoever meets it may
// move or mark it. Folders of its own are made, filled, renamed and removed while others look into them. And mail that arrives meanwhile.

import assert from 'node:assert/strict';
import { chownSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ImapClient } from '../../support/imap-client.js';
import { loadFolders } from '../../support/imap-load.js';
import { textOf } from '../../support/imap-load-messages.js';

const flags = ['\\Seen', '\\Flagged', '\\Answered', '$Label1', '$Label2', '$Forwarded'];

/** Numbers from 0 to below 1, the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

/** What all of them share: subjects that must be there in the end, and names of folders that may be there now. */
export interface Common {
  readonly kept: Set<string>;
  readonly folders: Set<string>;
}

export class Wanderer {
  readonly #name: string;
  readonly #logIn: () => Promise<ImapClient>;
  readonly #random: () => number;
  readonly #common: Common;
  readonly #isDovecots: boolean;
  #visitor: ImapClient | undefined;
  #keeper: ImapClient | undefined;
  #own = 0;
  /** Its own folder, and the subjects in it. */
  #folder: { readonly name: string; readonly subjects: string[] } | undefined;
  actions = 0;

  /**
   * @param isDovecots then it moves no messages that others move in the same moment: two sessions of Dovecot 2.3 that do so lose some, without anybody else at work. And it does not stay in a
   * folder that others may rename: when Dovecot does that at the wrong moment, the session's lock goes along and is there until it ends, and Dovecot's DELETE of the folder waits for it, for two
   * minutes, while nobody else can make, rename or remove one
   */
  constructor(
    name: string,
    logIn: () => Promise<ImapClient>,
    random: () => number,
    common: Common,
    isDovecots: boolean,
  ) {
    this.#isDovecots = isDovecots;
    this.#name = name;
    this.#logIn = logIn;
    this.#random = random;
    this.#common = common;
  }

  /** @param goesOn called after each action */
  async work(goesOn: () => Promise<boolean>): Promise<void> {
    do {
      await this.#one();
      this.actions++;
    } while (await goesOn());
    this.#visitor?.destroy();
    this.#keeper?.destroy();
  }

  async #one(): Promise<void> {
    const chance = this.#random();
    if (chance < 0.25) return this.#append(this.#pick(loadFolders));
    if (chance < (this.#isDovecots ? 0.7 : 0.5)) return this.#mark();
    if (chance < 0.7) return this.#move();
    if (chance < 0.9) return this.#folderWork();
    await this.#ask(this.#pick(['NOOP', 'LIST "" *', 'STATUS Work (MESSAGES UIDNEXT UNSEEN)', 'CHECK']));
  }

  /** Asks the visitor, who looks into folders of others. @returns none when the server has ended the session, which it does when a folder is gone or renamed under it */
  async #ask(command: string): Promise<string[]> {
    this.#visitor ??= await this.#logIn();
    const answers = await this.#visitor.ask(command);
    if (/^(?:OK|NO|BAD) /.test(answers.at(-1) ?? '')) return answers;
    assert.ok(
      answers.some((answer) => answer.startsWith('* BYE ')),
      `${this.#name}: ${command}: ${answers.join('\n')}`,
    );
    this.#visitor.destroy();
    this.#visitor = undefined;
    return [];
  }

  /** Asks the keeper, whose commands are all done: nothing that it has selected goes away. */
  async #must(command: string): Promise<void> {
    this.#keeper ??= await this.#logIn();
    const answers = await this.#keeper.ask(command);
    assert.match(answers.at(-1) ?? '', /^OK /, `${this.#name}: ${command.slice(0, 60)}`);
  }

  async #append(folder: string): Promise<void> {
    const subject = `x-${this.#name}-${this.#own++}`;
    await this.#must(`APPEND ${folder} (${this.#pick(flags)}) ${literal(textOf(subject))}`);
    this.#common.kept.add(subject);
  }

  /** Selects a folder and gives UIDs of messages that anybody may change. */
  async #some(folder: string): Promise<string | undefined> {
    const isSelected = (await this.#ask(`SELECT ${folder}`)).at(-1)?.startsWith('OK ');
    if (!isSelected) return undefined;
    const found = (await this.#ask('UID SEARCH SUBJECT "x-"')).find((answer) => answer.startsWith('* SEARCH')) ?? '';
    const uids = found
      .split(' ')
      .slice(2)
      .filter(() => this.#random() < 0.2)
      .slice(0, 10);
    return uids.length === 0 ? undefined : uids.join(',');
  }

  async #mark(): Promise<void> {
    const folder = this.#pick([...loadFolders, ...this.#common.folders]);
    await this.#markIn(folder);
    if (!this.#isDovecots || loadFolders.some((name) => name === folder)) return;
    this.#visitor?.destroy();
    this.#visitor = undefined;
  }

  async #markIn(folder: string): Promise<void> {
    const uids = await this.#some(folder);
    if (uids === undefined) return;
    await this.#ask(`UID STORE ${uids} ${this.#pick(['+', '-', ''])}FLAGS (${this.#pick(flags)} ${this.#pick(flags)})`);
    await this.#ask(`UID FETCH ${uids} (FLAGS)`);
  }

  async #move(): Promise<void> {
    const folder = this.#pick(loadFolders);
    if ((await this.#ask(`SELECT ${folder}`)).length === 0) return;
    const found = (await this.#ask('UID SEARCH SUBJECT "x-"')).find((answer) => answer.startsWith('* SEARCH')) ?? '';
    const uids = found
      .split(' ')
      .slice(2)
      .filter(() => this.#random() < 0.1)
      .slice(0, 5);
    if (uids.length > 0) await this.#ask(`UID MOVE ${uids.join(',')} ${this.#pick(loadFolders)}`);
  }

  async #folderWork(): Promise<void> {
    const folder = this.#folder;
    if (folder === undefined) {
      const name = `${this.#name}${this.#own++}`;
      if (!(await this.#create(name))) return;
      this.#folder = { name, subjects: [] };
      this.#common.folders.add(name);
      return;
    }
    const chance = this.#random();
    if (chance < 0.4) {
      const subject = `x-${this.#name}-${this.#own++}`;
      await this.#must(`APPEND ${folder.name} ${literal(textOf(subject))}`);
      folder.subjects.push(subject);
    } else if (chance < 0.7) {
      const name = `${this.#name}${this.#own++}`;
      await this.#must(`RENAME ${folder.name} ${name}`);
      this.#common.folders.delete(folder.name);
      this.#common.folders.add(name);
      this.#folder = { name, subjects: folder.subjects };
    } else await this.#leaveFolder(folder);
  }

  /** @returns false when Dovecot takes the name, which nobody has used, for one that exists: seen once in thousands, while others rename and remove folders */
  async #create(name: string): Promise<boolean> {
    this.#keeper ??= await this.#logIn();
    const answer = await this.#keeper.tagged(`CREATE ${name}`);
    if (/^NO \[ALREADYEXISTS\] .* secs\)/.test(answer)) return false;
    assert.match(answer, /^OK /);
    return true;
  }

  /** Removes its folder, with what is in it or without. */
  async #leaveFolder({
    name,
    subjects,
  }: {
    readonly name: string;
    readonly subjects: readonly string[];
  }): Promise<void> {
    if (this.#random() < 0.5) {
      await this.#must(`SELECT ${name}`);
      await this.#must(`UID MOVE 1:* ${this.#pick(loadFolders)}`);
      for (const subject of subjects) this.#common.kept.add(subject);
      await this.#must('UNSELECT');
    }
    this.#common.folders.delete(name);
    this.#folder = undefined;
    await this.#must(`DELETE ${name}`);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

/** Mail that arrives in a Maildir as from vdelivermail: tmp/ and new/, no lock, no UID. */
export class Arrivals {
  #count = 0;
  readonly #maildir: string;
  readonly #kept: Set<string>;
  readonly #owner: { readonly uid: number; readonly gid: number };

  constructor(maildir: string, kept: Set<string>, owner: { readonly uid: number; readonly gid: number }) {
    this.#maildir = maildir;
    this.#kept = kept;
    this.#owner = owner;
  }

  /** @param folder in the Maildir; '' for INBOX */
  arrive(folder: string): void {
    const subject = `x-mail-${this.#count++}`;
    const name = `${Math.floor(Date.now() / 1000)}.${process.pid}_${this.#count}.host`;
    const directory = path.join(this.#maildir, folder);
    const temporary = path.join(directory, 'tmp', name);
    writeFileSync(temporary, textOf(subject).replaceAll('\r\n', '\n'));
    chownSync(temporary, this.#owner.uid, this.#owner.gid);
    renameSync(temporary, path.join(directory, 'new', name));
    this.#kept.add(subject);
  }
}

function literal(text: string): string {
  return `{${text.length}+}\r\n${text}`;
}
