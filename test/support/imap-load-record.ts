// What must be in the mailboxes of an account that sessions work on (imap-load.ts): everything that was acknowledged, and of the command that each session had under way when its server died all
// of it, a part of it, or nothing. No UID stands for another message than before, UIDVALIDITY stays, UIDNEXT and HIGHESTMODSEQ do not fall, and who comes back with QRESYNC learns of every change.

import assert from 'node:assert/strict';
import type { ImapClient } from './imap-client.js';
import { fetchAll, type Message, messagesOf, numbersOf, sortedFlags } from './imap-load-messages.js';

/** A command without an answer: what may have come of it. */
export type UnderWay =
  | { readonly what: 'append'; readonly folder: string; readonly message: Message }
  | { readonly what: 'store'; readonly keys: readonly string[]; after(flags: string): string }
  | { readonly what: 'expunge'; readonly keys: readonly string[] }
  | { readonly what: 'copy' | 'move'; readonly keys: readonly string[]; readonly target: string };

export class LoadRecord {
  /** `FOLDER UID` -> message. */
  #messages = new Map<string, Message>();
  /** Every UID that anybody was told of. */
  readonly #ever = new Map<string, string>();
  readonly #validity = new Map<string, string>();
  readonly #uidNext = new Map<string, number>();
  readonly #modSeq = new Map<string, number>();
  /** What a client that has not been there since the last check knows: UID -> flags. */
  readonly #remembered = new Map<string, { modSeq: number; flags: Map<string, string> }>();
  #underWay: UnderWay[] = [];

  get messages(): ReadonlyMap<string, Message> {
    return this.#messages;
  }

  /** A client was told of these. */
  noteModSeqs(folder: string, answers: readonly string[]): void {
    for (const [, modSeq] of answers.join('\n').matchAll(/MODSEQ \(?(\d+)/g))
      this.#modSeq.set(folder, Math.max(this.#modSeq.get(folder) ?? 0, Number(modSeq)));
  }

  /** A command is under way until it is answered. @param ask gives the answer; undefined when the server has died */
  async under<T>(work: UnderWay, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    this.#underWay.push(work);
    const answer = await ask();
    if (answer !== undefined) this.#underWay.splice(this.#underWay.indexOf(work), 1);
    return answer;
  }

  /** A message has come under a new UID. */
  come(folder: string, uid: string, message: Message): void {
    const key = `${folder} ${uid}`;
    assert.equal(this.#ever.get(key), undefined, `${key} is given a second time`);
    this.#ever.set(key, message.subject);
    this.#messages.set(key, message);
  }

  /** Other flags of those that are there still. */
  mark(keys: readonly string[], after: (flags: string) => string): void {
    for (const key of keys) {
      const message = this.#messages.get(key);
      if (message !== undefined) this.#messages.set(key, { ...message, flags: after(message.flags) });
    }
  }

  leave(keys: readonly string[]): void {
    for (const key of keys) this.#messages.delete(key);
  }

  /** Looks at everything that there is, and takes it as what is known from now on. @param client of a server that has not been killed */
  async check(client: ImapClient, folders: readonly string[]): Promise<void> {
    const found = new Map<string, Message>();
    for (const folder of folders) await this.#look(client, folder, found);
    this.#compare(found);
    for (const [key, { subject }] of found) {
      assert.equal(this.#ever.get(key) ?? subject, subject, `${key} was another message before`);
      this.#ever.set(key, subject);
    }
    this.#messages = found;
    this.#underWay = [];
  }

  /** Compares with what another server answers to `fetchAll` in each folder. */
  mustBe(told: ReadonlyMap<string, readonly string[]>): void {
    const found = [...told].flatMap(([folder, responses]) =>
      [...messagesOf(responses)]
        .filter(([, message]) => !isForeign(message))
        .map(([uid, message]) => [`${folder} ${uid}`, message] as const),
    );
    assert.deepEqual(new Map(found), this.#messages);
  }

  async #look(client: ImapClient, folder: string, found: Map<string, Message>): Promise<void> {
    const remembered = this.#remembered.get(folder);
    const known = remembered && ` (QRESYNC (${this.#validity.get(folder)} ${remembered.modSeq}))`;
    const selected = await client.ask(`SELECT ${folder}${known ?? ''}`);
    const text = selected.join('\n');
    assert.match(selected.at(-1) ?? '', /^OK /, text);
    const validity = /UIDVALIDITY (\d+)/.exec(text)?.[1] ?? '';
    assert.equal(validity, this.#validity.get(folder) ?? validity, `${folder}: UIDVALIDITY`);
    this.#validity.set(folder, validity);
    const uidNext = Number(/UIDNEXT (\d+)/.exec(text)?.[1]);
    assert.ok(uidNext >= (this.#uidNext.get(folder) ?? 0), `${folder}: UIDNEXT fell`);
    this.#uidNext.set(folder, uidNext);
    const modSeq = Number(/HIGHESTMODSEQ (\d+)/.exec(text)?.[1]);
    const told = this.#modSeq.get(folder) ?? 0;
    assert.ok(modSeq >= told, `${folder}: HIGHESTMODSEQ ${modSeq}, and ${told} was told before`);
    const there = new Map<string, string>();
    for (const [uid, message] of messagesOf(await client.ask(fetchAll))) {
      if (!isForeign(message)) found.set(`${folder} ${uid}`, message);
      there.set(uid, message.flags);
    }
    if (remembered !== undefined)
      assert.deepEqual(
        sortedEntries(caughtUp(remembered.flags, selected)),
        sortedEntries(there),
        `${folder}: what QRESYNC told`,
      );
    this.#remembered.set(folder, { modSeq, flags: there });
  }

  #compare(found: ReadonlyMap<string, Message>): void {
    for (const [key, message] of this.#messages) {
      const now = found.get(key);
      const works = this.#underWay.filter((work) => 'keys' in work && work.keys.includes(key));
      if (now === undefined) {
        const isExplained = works.some(
          (work) => work.what === 'expunge' || (work.what === 'move' && this.#cameTo(work.target, message, found)),
        );
        assert.ok(isExplained, `${key} ${message.subject} is lost`);
        continue;
      }
      assert.equal(now.subject, message.subject, key);
      if (now.flags === message.flags) continue;
      const may = works.flatMap((work) => {
        if (work.what === 'store') return [work.after(message.flags)];
        return work.what === 'expunge' ? ['\\Deleted'] : [];
      });
      assert.ok(may.includes(now.flags), `${key} ${message.subject} has (${now.flags}) and not (${message.flags})`);
    }
    for (const [key, message] of found) if (!this.#messages.has(key)) this.#mustBeUnderWay(key, message, found);
  }

  /** A message that nobody was told of. */
  #mustBeUnderWay(key: string, message: Message, found: ReadonlyMap<string, Message>): void {
    const [folder] = key.split(' ');
    assert.equal(this.#ever.get(key), undefined, `${key} was expunged and is back`);
    const explained = this.#underWay.some((work) => {
      if (work.what === 'append')
        return (
          work.folder === folder && work.message.subject === message.subject && work.message.flags === message.flags
        );
      if (work.what !== 'copy' && work.what !== 'move') return false;
      const source = work.keys.find(
        (one) =>
          this.#messages.get(one)?.subject === message.subject && this.#messages.get(one)?.flags === message.flags,
      );
      return work.target === folder && source !== undefined && (work.what === 'copy' || !found.has(source));
    });
    assert.ok(explained, `${key} ${message.subject} (${message.flags}) came from nowhere`);
  }

  /** Whether a message is in a folder under a UID that nobody was told of. */
  #cameTo(folder: string, message: Message, found: ReadonlyMap<string, Message>): boolean {
    return [...found].some(
      ([key, { subject, flags }]) =>
        key.startsWith(`${folder} `) && !this.#ever.has(key) && subject === message.subject && flags === message.flags,
    );
  }
}

function isForeign({ subject }: Message): boolean {
  return subject.startsWith('x-');
}

/** What a client makes of what it remembers and the answers to its SELECT. */
function caughtUp(before: ReadonlyMap<string, string>, answers: readonly string[]): Map<string, string> {
  const now = new Map(before);
  for (const answer of answers) {
    const vanished = /^\* VANISHED \(EARLIER\) (\S+)/.exec(answer)?.[1];
    if (vanished !== undefined) for (const uid of numbersOf(vanished)) now.delete(`${uid}`);
    const [, uid, names] = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)/.exec(answer) ?? [];
    if (uid !== undefined) now.set(uid, sortedFlags((names ?? '').split(' ')));
  }
  return now;
}

function sortedEntries(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => Number(a) - Number(b));
}
