// Mail programs at work while the servers behind their ports change: some send numbered messages, some poll by POP3 and IMAP. A connection that is refused or closed is tried again, and counted;
// every other bad answer is an error.

import { setTimeout as pause } from 'node:timers/promises';
import { ImapClient } from '../../support/imap-client.js';
import { Pop3Client } from '../../support/pop3-client.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { domain, type OldHost, password, users } from './old-host.js';

/** The server is not there, or has closed the connection. */
class Interrupted extends Error {}

export class Load {
  /** Numbers of messages that a server has taken. */
  readonly accepted: number[] = [];
  readonly errors: string[] = [];
  interruptions = 0;
  /** For each poller, what it has downloaded: number of the message by POP3's unique id, or IMAP's UIDVALIDITY and UID. */
  readonly downloads = new Map<string, Map<string, number>>();
  readonly #host: OldHost;
  #isOver = false;
  #next = 0;
  #work: Promise<unknown> = Promise.resolve();

  constructor(host: OldHost) {
    this.#host = host;
  }

  begin(): void {
    const { ports } = this.#host;
    const loops = [
      this.#repeat('smtp', 300, () => this.#send(ports.smtp, false)),
      this.#repeat('submission', 900, () => this.#send(ports.submission, true)),
      ...users.flatMap((user) => [
        this.#repeat(`pop3 ${user}`, 400, () => this.#pollPop3(user)),
        this.#repeat(`imap ${user}`, 400, () => this.#pollImap(user)),
      ]),
    ];
    this.#work = Promise.all(loops);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    // One that hangs has failed the test already.
    await Promise.race([this.#work, pause(20_000, undefined, { ref: false })]);
  }

  /** Every poller looks once more. */
  async lastLook(): Promise<void> {
    for (const user of users) {
      await this.#pollPop3(user);
      await this.#pollImap(user);
    }
  }

  async #repeat(who: string, everyMs: number, act: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      try {
        await act();
      } catch (error) {
        if (error instanceof Interrupted || (error instanceof Error && 'code' in error)) this.interruptions++;
        else this.errors.push(`${who}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await pause(everyMs);
    }
  }

  async #send(port: number, logsIn: boolean): Promise<void> {
    const client = await SmtpClient.connect(port);
    try {
      const ask = async (line: string, code: string): Promise<void> => {
        const reply = await client.command(line);
        if (reply === undefined || reply.startsWith('421')) throw new Interrupted();
        if (!reply.startsWith(code)) throw new Error(`${line.slice(0, 40)}: ${reply}`);
      };
      const greeting = await client.reply();
      if (greeting === undefined || greeting.startsWith('421')) throw new Interrupted();
      await ask('EHLO phone.example', '250');
      if (logsIn) {
        await ask('STARTTLS', '220');
        await client.secure();
        await ask('EHLO phone.example', '250');
        await ask(`AUTH PLAIN ${Buffer.from(`\0${users[0]}@${domain}\0${password}`).toString('base64')}`, '235');
      }
      await ask(logsIn ? `MAIL FROM:<${users[0]}@${domain}>` : 'MAIL FROM:<noel@sender.example>', '250');
      for (const user of users) await ask(`RCPT TO:<${user}@${domain}>`, '250');
      await ask('DATA', '354');
      const number = ++this.#next;
      client.send(`Subject: number ${number}\r\n\r\nHello.\r\n.\r\n`);
      const reply = await client.reply();
      if (reply?.startsWith('250')) this.accepted.push(number);
      else throw new Error(`what became of ${number} is not known: ${reply}`);
      await client.command('QUIT');
    } finally {
      client.destroy();
    }
  }

  async #pollPop3(user: string): Promise<void> {
    const client = await Pop3Client.connect(this.#host.ports.pop3);
    try {
      const good = (reply: string): string => {
        if (!/\n$/.test(reply) || /^-ERR \[(SYS\/TEMP|IN-USE)\]|shutting down|Server shut/i.test(reply))
          throw new Interrupted();
        if (!reply.startsWith('+OK')) throw new Error(reply.trim());
        return reply;
      };
      good(await client.logIn(`${user}@${domain}`, password));
      const seen = this.#downloads(`pop3 ${user}`);
      for (const [, number = '', id = ''] of good(await client.ask('UIDL')).matchAll(/^(\d+) (\S+)\r$/gm))
        if (!seen.has(id)) seen.set(id, numberOf(good(await client.ask(`RETR ${number}`))));
      good(await client.ask('QUIT'));
    } finally {
      client.destroy();
    }
  }

  async #pollImap(user: string): Promise<void> {
    const client = await ImapClient.connect(this.#host.ports.imap);
    try {
      const good = async (command: string): Promise<string[]> => {
        const answers = await client.ask(command);
        const last = answers.at(-1) ?? '';
        if (answers.some((answer) => answer.startsWith('* BYE')) || !/^(OK|NO|BAD) /.test(last))
          throw new Interrupted();
        if (!last.startsWith('OK')) throw new Error(`${command.replace(/ .*/, '')}: ${last}`);
        return answers;
      };
      if (!(await client.response()).startsWith('* OK')) throw new Interrupted();
      await good(`LOGIN ${user}@${domain} ${password}`);
      const selected = (await good('EXAMINE INBOX')).join('\n');
      const validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
      const seen = this.#downloads(`imap ${user}`);
      for (const answer of await good('UID FETCH 1:* (UID)')) {
        const uid = /UID (\d+)/.exec(answer)?.[1];
        const key = `${validity} ${uid}`;
        if (uid === undefined || seen.has(key)) continue;
        seen.set(key, numberOf((await good(`UID FETCH ${uid} BODY.PEEK[]`)).join('\n')));
      }
      client.send('z LOGOUT\r\n');
    } finally {
      client.destroy();
    }
  }

  #downloads(poller: string): Map<string, number> {
    const seen = this.downloads.get(poller) ?? new Map<string, number>();
    this.downloads.set(poller, seen);
    return seen;
  }
}

function numberOf(message: string): number {
  return Number(/^Subject: number (\d+)/m.exec(message)?.[1]);
}
