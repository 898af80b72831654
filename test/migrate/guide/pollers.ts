// Clients that poll one account and download what they do not know yet, by POP3's unique id or IMAP's UIDVALIDITY and UID.

import net from 'node:net';
import tls from 'node:tls';
import { ImapClient } from '../../support/imap-client.js';
import { Pop3Client } from '../../support/pop3-client.js';
import { domain, password } from './guide-host.js';

/** The server is not there, or has closed the connection. */
export class Interrupted extends Error {}

export abstract class Poller {
  readonly name: string;
  readonly user: string;
  /** What it has downloaded: the message's subject, by what tells it from others. */
  readonly downloads = new Map<string, string>();
  /** When it was not served for a while: the step at which each such while began. */
  readonly interruptions: string[] = [];
  #isInterrupted = false;
  protected readonly port: number;
  protected readonly isSecured: boolean;

  constructor(number: number, user: string, port: number, isSecured: boolean) {
    this.name = `client ${number} of ${user} at ${port}`;
    this.user = user;
    this.port = port;
    this.isSecured = isSecured;
  }

  /** Logs in where it has to, and downloads what is new. @throws Interrupted, Error */
  abstract look(): Promise<void>;

  /** Leaves. */
  close(): void {}

  served(): void {
    this.#isInterrupted = false;
  }

  interrupted(step: string): void {
    if (!this.#isInterrupted) this.interruptions.push(step);
    this.#isInterrupted = true;
    this.close();
  }

  protected connect(): Promise<net.Socket> {
    const options = { port: this.port, host: '127.0.0.1' };
    return new Promise((resolve, reject) => {
      const socket = this.isSecured ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
      socket.once(this.isSecured ? 'secureConnect' : 'connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
      socket.once('error', reject);
      socket.once('close', () => reject(new Interrupted()));
    });
  }
}

export class Pop3Poller extends Poller {
  async look(): Promise<void> {
    const client = new Pop3Client(await this.connect());
    try {
      const ask = async (command: string): Promise<string> => good(await client.ask(command));
      good(await client.line());
      await ask(`USER ${this.user}@${domain}`);
      await ask(`PASS ${password}`);
      for (const [, number = '', id = ''] of (await ask('UIDL')).matchAll(/^(\d+) (\S+)\r$/gm))
        if (!this.downloads.has(id)) this.downloads.set(id, subjectOf(await ask(`RETR ${number}`)));
      await ask('QUIT');
    } finally {
      client.destroy();
    }
  }
}

function good(reply: string): string {
  if (!reply.endsWith('\n') || /^-ERR (\[(SYS\/TEMP|IN-USE)\]|.*shut)/i.test(reply)) throw new Interrupted();
  if (!reply.startsWith('+OK')) throw new Error(reply.trim());
  return reply;
}

export class ImapPoller extends Poller {
  readonly #stays: boolean;
  #client: ImapClient | undefined;
  #validity = '';

  constructor(number: number, user: string, port: number, isSecured: boolean, stays: boolean) {
    super(number, user, port, isSecured);
    this.#stays = stays;
  }

  async look(): Promise<void> {
    this.#client ??= await this.#open();
    const client = this.#client;
    await ask(client, 'NOOP');
    for (const answer of await ask(client, 'UID FETCH 1:* (UID)')) {
      const uid = /UID (\d+)/.exec(answer)?.[1];
      const key = `${this.#validity} ${uid}`;
      if (uid === undefined || this.downloads.has(key)) continue;
      this.downloads.set(key, subjectOf((await ask(client, `UID FETCH ${uid} BODY.PEEK[]`)).join('\n')));
    }
    if (this.#stays) return;
    await client.ask('LOGOUT');
    this.close();
  }

  override close(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #open(): Promise<ImapClient> {
    const client = new ImapClient(await this.connect());
    try {
      if (!(await client.response()).startsWith('* OK')) throw new Interrupted();
      await ask(client, `LOGIN ${this.user}@${domain} ${password}`);
      const selected = (await ask(client, 'EXAMINE INBOX')).join('\n');
      this.#validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1] ?? '';
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }
}

async function ask(client: ImapClient, command: string): Promise<string[]> {
  const answers = await client.ask(command);
  const last = answers.at(-1) ?? '';
  if (answers.some((answer) => answer.startsWith('* BYE')) || !/^(OK|NO|BAD) /.test(last)) throw new Interrupted();
  if (!last.startsWith('OK')) throw new Error(`${command.replace(/ .*/, '')}: ${last}`);
  return answers;
}

function subjectOf(message: string): string {
  return /^Subject: ([^\r\n]*)/m.exec(message)?.[1] ?? '';
}
