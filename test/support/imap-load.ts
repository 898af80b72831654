// Sessions that change the mailboxes of one account at random until their server dies. Each changes its own messages only, so that the end is certain (imap-load-record.ts); messages of others,
// whose subject begins with `x-`, are passed over.

import assert from 'node:assert/strict';
import { ImapClient } from './imap-client.js';
import { numbersOf, sortedFlags, textOf } from './imap-load-messages.js';
import { LoadRecord, type UnderWay } from './imap-load-record.js';

export const loadFolders = ['INBOX', 'Work', 'Old'] as const;
const flags = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', '$Label1', 'NonJunk'];
/** A session that has more messages than this removes some. */
const enough = 30;

export interface LoadAccount {
  readonly user: string;
  readonly password: string;
}

export class ImapLoad {
  readonly #account: LoadAccount;
  readonly #record = new LoadRecord();
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
    return this.#record.messages.size;
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
  async work(port: number, name: string, told: () => boolean | Promise<boolean>): Promise<void> {
    const client = await this.logIn(port);
    for (;;) {
      const folder = this.#pick(loadFolders);
      if ((await this.#ask(client, folder, `SELECT ${folder}`)) === undefined) break;
      let isBroken = false;
      for (let commands = 0; commands < 8 && !isBroken; commands++) {
        isBroken = !(await this.#one(client, folder, name)) || !(await told());
      }
      if (isBroken) break;
    }
    client.destroy();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  async #one(client: ImapClient, folder: string, name: string): Promise<boolean> {
    const own = [...this.#record.messages].filter(
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
    this.#record.noteModSeqs(folder, answers);
    const last = answers.at(-1) ?? '';
    if (!/^(?:OK|NO|BAD) /.test(last)) return undefined;
    assert.match(last, /^OK /, command);
    this.acknowledged++;
    return last;
  }

  async #append(client: ImapClient, folder: string, name: string): Promise<boolean> {
    const message = {
      subject: `${name}-${this.#numbers++}`,
      flags: sortedFlags([this.#pick(flags), this.#pick(['', ...flags])]),
    };
    const text = textOf(message.subject);
    const command = `APPEND ${folder} (${message.flags}) {${text.length}+}\r\n${text}`;
    const answer = await this.#record.under({ what: 'append', folder, message }, () =>
      this.#ask(client, folder, command),
    );
    if (answer === undefined) return false;
    this.#record.come(folder, /\[APPENDUID \d+ (\d+)\]/.exec(answer)?.[1] ?? '', message);
    return true;
  }

  async #store(client: ImapClient, folder: string, keys: readonly string[]): Promise<boolean> {
    const [mode, flag] = [this.#pick(['+', '-', '']), this.#pick(flags)];
    const after = (before: string): string => {
      if (mode === '') return flag;
      return sortedFlags(mode === '+' ? [...before.split(' '), flag] : before.split(' ').filter((one) => one !== flag));
    };
    const command = `UID STORE ${uidsOf(keys)} ${mode}FLAGS (${flag})`;
    const answer = await this.#record.under({ what: 'store', keys, after }, () => this.#ask(client, folder, command));
    if (answer === undefined) return false;
    this.#record.mark(keys, after);
    return true;
  }

  async #expunge(client: ImapClient, folder: string, keys: readonly string[]): Promise<boolean> {
    const work: UnderWay = { what: 'expunge', keys };
    const marked = await this.#record.under(work, () =>
      this.#ask(client, folder, `UID STORE ${uidsOf(keys)} FLAGS (\\Deleted)`),
    );
    if (marked === undefined) return false;
    this.#record.mark(keys, () => '\\Deleted');
    const answer = await this.#record.under(work, () => this.#ask(client, folder, `UID EXPUNGE ${uidsOf(keys)}`));
    if (answer === undefined) return false;
    this.#record.leave(keys);
    return true;
  }

  async #carry(client: ImapClient, folder: string, keys: readonly string[], what: 'copy' | 'move'): Promise<boolean> {
    const target = this.#pick(loadFolders.filter((name) => name !== folder));
    let copied = '';
    const answer = await this.#record.under({ what, keys, target }, async () => {
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
      const message = this.#record.messages.get(`${folder} ${uid}`);
      assert.ok(message !== undefined, copied);
      this.#record.come(target, `${targets[index]}`, message);
      if (what === 'move') this.#record.leave([`${folder} ${uid}`]);
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
    await this.#record.check(client, loadFolders);
    await client.ask('LOGOUT');
    client.destroy();
  }

  /** Compares with what another server answers to `fetchAll` in each folder. */
  mustBe(told: ReadonlyMap<string, readonly string[]>): void {
    this.#record.mustBe(told);
  }
}

function uidsOf(keys: readonly string[]): string {
  return keys.map((key) => key.split(' ')[1]).join(',');
}
