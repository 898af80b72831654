// Sessions that change the mailboxes of one account at random until their server dies, and what must be there afterwards: everything that was acknowledged, and of the command that each session
// had under way all of it, a part of it, or nothing. Each session changes its own messages only, so that the end is certain; messages of others, whose subject begins with `x-`, are passed over.

import assert from 'node:assert/strict';
import { ImapClient } from './imap-client.js';

export const loadFolders = ['INBOX', 'Work', 'Old'] as const;
export const fetchAll = 'UID FETCH 1:* (UID FLAGS BODY.PEEK[])';
const flags = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$Label1', 'NonJunk'];
/** A session that has more messages than this removes some. */
const enough = 30;

export interface LoadAccount {
  readonly user: string;
  readonly password: string;
}

export interface Message {
  readonly subject: string;
  /** Sorted, with blanks between. */
  readonly flags: string;
}

/** A command without an answer: what may have come of it. */
type UnderWay =
  | { readonly what: 'append'; readonly folder: string; readonly message: Message }
  | { readonly what: 'store'; readonly keys: readonly string[]; after(flags: string): string }
  | { readonly what: 'expunge'; readonly keys: readonly string[] }
  | { readonly what: 'copy' | 'move'; readonly keys: readonly string[]; readonly target: string };

/** The text of a message, from which its size follows. */
export function textOf(subject: string): string {
  const number = Number(subject.split('-').at(-1));
  const length = number % 12 === 7 ? 150_000 : (number * 37) % 2000;
  return `Subject: ${subject}\r\n\r\n${`${subject} `.repeat(Math.ceil(length / (subject.length + 1)))}\r\nEND\r\n`;
}

function sortedFlags(names: Iterable<string>): string {
  return [...new Set(names)]
    .filter((name) => name !== '' && name !== '\\Recent')
    .sort()
    .join(' ');
}

export class ImapLoad {
  readonly #account: LoadAccount;
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
  #numbers = 0;
  readonly #random: () => number;
  /** Commands that were acknowledged. */
  acknowledged = 0;
  /** Messages that a COPY or MOVE left out although they were there. */
  passedOver = 0;

  /** @param random gives numbers from 0 to below 1 */
  constructor(account: LoadAccount, random: () => number = Math.random) {
    this.#account = account;
    this.#random = random;
  }

  get messageCount(): number {
    return this.#messages.size;
  }

  async logIn(port: number): Promise<ImapClient> {
    const client = await ImapClient.connect(port);
    await client.response();
    assert.match(await client.tagged(`LOGIN ${this.#account.user} ${this.#account.password}`), /^OK /);
    assert.match(await client.tagged('ENABLE QRESYNC'), /^OK /);
    return client;
  }

  /** Makes the folders. */
  async begin(port: number): Promise<void> {
    const client = await this.logIn(port);
    for (const folder of loadFolders.slice(1)) assert.match(await client.tagged(`CREATE ${folder}`), /^OK /);
    client.destroy();
    await this.check(port);
  }

  /** One session at work until its connection breaks, or it is told to end. @param name of its messages @param told called at each acknowledgement: whether to go on */
  async work(port: number, name: string, told: () => boolean): Promise<void> {
    const client = await this.logIn(port);
    for (;;) {
      const folder = this.#pick(loadFolders);
      if ((await this.#ask(client, folder, `SELECT ${folder}`)) === undefined) break;
      let isBroken = false;
      for (let commands = 0; commands < 8 && !isBroken; commands++) {
        isBroken = !(await this.#one(client, folder, name)) || !told();
      }
      if (isBroken) break;
    }
    client.destroy();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  async #one(client: ImapClient, folder: string, name: string): Promise<boolean> {
    const own = [...this.#messages].filter(
      ([key, { subject }]) => key.startsWith(`${folder} `) && subject.startsWith(name),
    );
    const some = own
      .filter(() => this.#random() < 0.4)
      .slice(0, 8)
      .map(([key]) => key);
    const chance = this.#random();
    if (some.length === 0 || chance < 0.3) return this.#append(client, folder, name);
    if (own.length > enough || chance < 0.45) return this.#expunge(client, folder, some);
    if (chance < 0.7) return this.#store(client, folder, some);
    return this.#carry(client, folder, some, chance < 0.8 ? 'copy' : 'move');
  }

  /** @returns the tagged answer; undefined when the server has died */
  async #ask(client: ImapClient, folder: string, command: string): Promise<string | undefined> {
    const answers = await client.ask(command);
    for (const [, modSeq] of answers.join('\n').matchAll(/MODSEQ \(?(\d+)/g))
      this.#modSeq.set(folder, Math.max(this.#modSeq.get(folder) ?? 0, Number(modSeq)));
    const last = answers.at(-1) ?? '';
    if (!/^(?:OK|NO|BAD) /.test(last)) return undefined;
    assert.match(last, /^OK /, command);
    this.acknowledged++;
    return last;
  }

  async #under(work: UnderWay, ask: () => Promise<string | undefined>): Promise<string | undefined> {
    this.#underWay.push(work);
    const answer = await ask();
    if (answer !== undefined) this.#underWay.splice(this.#underWay.indexOf(work), 1);
    return answer;
  }

  #come(folder: string, uid: string, message: Message): void {
    const key = `${folder} ${uid}`;
    assert.equal(this.#ever.get(key), undefined, `${key} is given a second time`);
    this.#ever.set(key, message.subject);
    this.#messages.set(key, message);
  }

  async #append(client: ImapClient, folder: string, name: string): Promise<boolean> {
    const message = {
      subject: `${name}-${this.#numbers++}`,
      flags: sortedFlags([this.#pick(flags), this.#pick(['', ...flags])]),
    };
    const text = textOf(message.subject);
    const command = `APPEND ${folder} (${message.flags}) {${text.length}+}\r\n${text}`;
    const answer = await this.#under({ what: 'append', folder, message }, () => this.#ask(client, folder, command));
    if (answer === undefined) return false;
    this.#come(folder, /\[APPENDUID \d+ (\d+)\]/.exec(answer)?.[1] ?? '', message);
    return true;
  }

  async #store(client: ImapClient, folder: string, keys: readonly string[]): Promise<boolean> {
    const [mode, flag] = [this.#pick(['+', '-', '']), this.#pick(flags)];
    const after = (before: string): string => {
      if (mode === '') return flag;
      return sortedFlags(mode === '+' ? [...before.split(' '), flag] : before.split(' ').filter((one) => one !== flag));
    };
    const command = `UID STORE ${uidsOf(keys)} ${mode}FLAGS (${flag})`;
    const answer = await this.#under({ what: 'store', keys, after }, () => this.#ask(client, folder, command));
    if (answer === undefined) return false;
    for (const key of keys) {
      const message = this.#messages.get(key);
      if (message !== undefined) this.#messages.set(key, { ...message, flags: after(message.flags) });
    }
    return true;
  }

  async #expunge(client: ImapClient, folder: string, keys: readonly string[]): Promise<boolean> {
    const work: UnderWay = { what: 'expunge', keys };
    const marked = await this.#under(work, () =>
      this.#ask(client, folder, `UID STORE ${uidsOf(keys)} FLAGS (\\Deleted)`),
    );
    if (marked === undefined) return false;
    for (const key of keys)
      this.#messages.set(key, { subject: this.#messages.get(key)?.subject ?? '', flags: '\\Deleted' });
    const answer = await this.#under(work, () => this.#ask(client, folder, `UID EXPUNGE ${uidsOf(keys)}`));
    if (answer === undefined) return false;
    for (const key of keys) this.#messages.delete(key);
    return true;
  }

  async #carry(client: ImapClient, folder: string, keys: readonly string[], what: 'copy' | 'move'): Promise<boolean> {
    const target = this.#pick(loadFolders.filter((name) => name !== folder));
    let copied = '';
    const answer = await this.#under({ what, keys, target }, async () => {
      const tagged = await client.ask(`UID ${what.toUpperCase()} ${uidsOf(keys)} ${target}`);
      copied = tagged.find((line) => line.includes('[COPYUID ')) ?? '';
      return (tagged.at(-1) ?? '').startsWith('OK ') ? tagged.at(-1) : undefined;
    });
    if (answer === undefined) return false;
    const [, from = '', to = ''] = /\[COPYUID \d+ (\S+) (\S+)\]/.exec(copied) ?? [];
    const [sources, targets] = [numbersOf(from), numbersOf(to)];
    const missed = keys.filter((key) => !sources.includes(Number(key.split(' ')[1])));
    if (missed.length > 0) await this.#mustBeThere(client, missed, copied);
    for (const [index, uid] of sources.entries()) {
      const message = this.#messages.get(`${folder} ${uid}`);
      assert.ok(message !== undefined, copied);
      this.#come(target, `${targets[index]}`, message);
      if (what === 'move') this.#messages.delete(`${folder} ${uid}`);
    }
    this.acknowledged++;
    return true;
  }

  /** Messages that a copy has passed over: they are where they were. */
  async #mustBeThere(client: ImapClient, keys: readonly string[], copied: string): Promise<void> {
    this.passedOver += keys.length;
    const answers = await client.ask(`UID SEARCH UID ${uidsOf(keys)}`);
    const found = answers.find((answer) => answer.startsWith('* SEARCH'))?.split(' ') ?? [];
    for (const key of keys) assert.ok(found.includes(key.split(' ')[1] ?? ''), `${key} is gone: ${copied}`);
  }

  /** Looks at everything that there is, with a server that has not been killed, and takes it as what is known from now on. */
  async check(port: number): Promise<void> {
    const client = await this.logIn(port);
    const found = new Map<string, Message>();
    for (const folder of loadFolders) await this.#look(client, folder, found);
    await client.ask('LOGOUT');
    client.destroy();
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

/** UID -> message, of the answers to `fetchAll`; each message must be whole. */
export function messagesOf(responses: readonly string[]): Map<string, Message> {
  const messages = new Map<string, Message>();
  for (const response of responses) {
    if (!/^\* \d+ FETCH /.test(response)) continue;
    const [uid = '', flags = '', subject = ''] = [/UID (\d+)/, /FLAGS \(([^)]*)\)/, /Subject: (\S+)\r\n/].map(
      (field) => field.exec(response)?.[1],
    );
    assert.ok(response.endsWith(`\r\n${textOf(subject)})`), `not whole: ${response.slice(0, 300)}`);
    messages.set(uid, { subject, flags: sortedFlags(flags.split(' ')) });
  }
  return messages;
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

function uidsOf(keys: readonly string[]): string {
  return keys.map((key) => key.split(' ')[1]).join(',');
}

/** `1:3,7` as numbers. */
function numbersOf(set: string): number[] {
  return set
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split(':').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
