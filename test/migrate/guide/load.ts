// Mail programs at work while the servers behind their ports change: five numbered messages a second are sent, and twenty clients poll. Who finds nobody at a port, or is cut off, tries again, as
// mail programs do; that is counted. Every other bad answer is an error.

import { setTimeout as pause } from 'node:timers/promises';
import { SmtpClient } from '../../support/smtp-client.js';
import { domain, password, users } from './guide-host.js';
import { ImapPoller, Interrupted, type Poller, Pop3Poller } from './pollers.js';

const messageEveryMs = 200;
const pollEveryMs = 3000;
const pollerCount = 20;
/** More are not begun while so many are under way. */
const mostAtOnce = 20;
/** A mail program says so to its user when a server cannot take one message so many times. */
const mostTemporary = 15;

export class Load {
  /** Whose mailbox each message belongs into, by its number; those that a server has taken. */
  readonly accepted = new Map<number, string>();
  readonly errors: string[] = [];
  /** What was tried again since a server said that it cannot just now. */
  readonly temporary: string[] = [];
  readonly pollers: readonly Poller[] = Array.from({ length: pollerCount }, (_, index) => pollerOf(index));
  /** What is being done to the servers. */
  step = 'nothing';
  #isOver = false;
  #next = 0;
  readonly #work: Promise<unknown>[] = [];

  begin(): void {
    this.#work.push(this.#sendAll(), ...this.pollers.map((poller) => this.#poll(poller)));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#work);
  }

  /** Every client looks once. */
  async look(): Promise<void> {
    await Promise.all(this.pollers.map((poller) => poller.look()));
  }

  /** What the client that has the fewest messages has got. */
  fewest(): number {
    return Math.min(...this.pollers.map(({ downloads }) => downloads.size));
  }

  async #poll(poller: Poller): Promise<void> {
    await pause(Math.random() * pollEveryMs);
    while (!this.#isOver) {
      await poller.look().then(
        () => poller.served(),
        (error: unknown) => {
          if (isInterruption(error)) poller.interrupted(this.step);
          else this.errors.push(`${poller.name}: ${error instanceof Error ? error.message : String(error)}`);
        },
      );
      await pause(pollEveryMs);
    }
    poller.close();
  }

  /** By the clock, however long each takes. */
  async #sendAll(): Promise<void> {
    const begun = performance.now();
    const underWay = new Set<Promise<void>>();
    while (!this.#isOver) {
      const due = begun + this.#next * messageEveryMs - performance.now();
      if (due > 0) await pause(due);
      if (underWay.size >= mostAtOnce) await Promise.race(underWay);
      const number = ++this.#next;
      const sent = this.#send(number).finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
    await Promise.all(underWay);
  }

  async #send(number: number): Promise<void> {
    const user = users[number % users.length] ?? '';
    // Every tenth goes to an alias, and so through the queue.
    const [to, owner] = number % 10 === 3 ? ['info', 'taro'] : [user, user];
    for (let temporary = 0; ; )
      try {
        await send(number, `${to}@${domain}`, number % 5 === 4);
        this.accepted.set(number, owner);
        return;
      } catch (error) {
        if (!isInterruption(error)) {
          this.errors.push(`message ${number}: ${error instanceof Error ? error.message : String(error)}`);
          return;
        }
        if (error instanceof Interrupted && error.message !== '') {
          this.temporary.push(`${this.step}: ${error.message}`);
          if (++temporary > mostTemporary) {
            this.errors.push(`message ${number}: ${mostTemporary} times ${error.message}`);
            return;
          }
        }
        await pause(messageEveryMs);
      }
  }
}

/** Clients of each account by each protocol. Every other one by IMAP stays logged in. */
function pollerOf(index: number): Poller {
  const user = users[index % users.length] ?? '';
  switch (index % 4) {
    case 0:
      return new Pop3Poller(index, user, 995, true);
    case 1:
      return new ImapPoller(index, user, 993, true, index % 8 === 1);
    case 2:
      return new Pop3Poller(index, user, 110, false);
    default:
      return new ImapPoller(index, user, 143, false, index % 8 === 3);
  }
}

/** By submission with STARTTLS and a login, or as another mail server does. @throws Interrupted when it may be sent again */
async function send(number: number, to: string, logsIn: boolean): Promise<void> {
  const client = await SmtpClient.connect(logsIn ? 587 : 25);
  try {
    const checked = (what: string, reply: string | undefined, code: string): void => {
      // Another mail server comes again after any temporary answer, and a mail program when a login is not possible just then: Dovecot drops those that are under way when it reloads.
      if (reply === undefined || (logsIn ? /^(421|454)/ : /^4/).test(reply))
        throw new Interrupted(reply === undefined ? '' : `${logsIn ? 587 : 25}: ${reply}`);
      if (!reply.startsWith(code)) throw new Error(`${what}: ${reply}`);
    };
    const ask = async (line: string, code: string): Promise<void> =>
      checked(line.slice(0, 40), await client.command(line), code);
    checked('greeting', await client.reply(), '220');
    await ask('EHLO phone.example', '250');
    if (logsIn) {
      await ask('STARTTLS', '220');
      await client.secure();
      await ask('EHLO phone.example', '250');
      await ask(`AUTH PLAIN ${Buffer.from(`\0taro@${domain}\0${password}`).toString('base64')}`, '235');
    }
    await ask(logsIn ? `MAIL FROM:<taro@${domain}>` : 'MAIL FROM:<noel@example.gr.jp>', '250');
    await ask(`RCPT TO:<${to}>`, '250');
    await ask('DATA', '354');
    client.send(`Subject: number ${number}\r\n\r\nHello.\r\n.\r\n`);
    const reply = await client.reply();
    if (!reply?.startsWith('250')) throw new Error(`what became of it is not known: ${reply}`);
    client.send('QUIT\r\n');
  } finally {
    client.destroy();
  }
}

/** Nobody is there, or the connection is gone. */
function isInterruption(error: unknown): boolean {
  return (
    error instanceof Interrupted ||
    (error instanceof Error && (('code' in error && error.code !== 'ERR_ASSERTION') || /handshake/.test(error.message)))
  );
}
