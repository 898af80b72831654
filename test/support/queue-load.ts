// Messages that come in all the time, by SMTP and by qmail-inject, while processes are killed. Each has a sender of its own, hanako-NAME-N@mailtest.example.jp, by which the log, the mailboxes
// and the sink tell it; NAME keeps the messages of two loads apart. The recipients' local parts say what becomes of them (test/processes/queue-killed).

import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { SmtpClient } from './smtp-client.js';
import { vqmailProgram } from './started-server.js';

export interface Acknowledged {
  readonly sender: string;
  /** Local parts; `far` is at another host. */
  readonly to: readonly string[];
}

/** By SMTP; what is `nobody` there is refused. */
const submitted: readonly (readonly string[])[] = [
  ['far'],
  ['fwd', 'far'],
  ['far'],
  ['prog', 'far'],
  ['far'],
  ['bounce'],
];
/** By qmail-inject, in turn as root, who writes the queue himself, and as a user, who asks the queue process. */
const injected: readonly (readonly string[])[] = [
  ['test'],
  ['test', 'far'],
  ['nobody'],
  ['test'],
  ['fwd', 'test'],
  ['far'],
];

export class QueueLoad {
  readonly acknowledged: Acknowledged[] = [];
  readonly #root: string;
  readonly #name: string;
  readonly #port: () => number;
  readonly #running: Promise<void>[];
  #isOver = false;

  /** Begins. @param port of SMTP, at this moment */
  constructor(root: string, name: string, port: () => number) {
    this.#root = root;
    this.#name = name;
    this.#port = port;
    this.#running = [this.#submitAll(), this.#injectAll()];
  }

  /** Resolves when what was begun is over. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #submitAll(): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const message = { sender: this.#senderOf(`s${n}`), to: submitted[n % submitted.length] ?? [] };
      // What is not acknowledged is forgotten, as if its client had gone: there was no server or no queue at the moment.
      if (await submit(this.#port(), message).catch(() => false)) this.acknowledged.push(message);
      await pause(80);
    }
  }

  async #injectAll(): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const message = { sender: this.#senderOf(`i${n}`), to: injected[n % injected.length] ?? [] };
      if (await this.#inject(message, n % 2 === 0)) this.acknowledged.push(message);
      await pause(300);
    }
  }

  async #inject({ sender, to }: Acknowledged, asUser: boolean): Promise<boolean> {
    const tool = spawn(process.execPath, [vqmailProgram, 'qmail-inject', `-f${sender}`, ...to.map(addressOf)], {
      env: { ...process.env, VQMAIL_ROOT: this.#root },
      stdio: ['pipe', 'ignore', 'ignore'],
      ...(asUser && { uid: 7001, gid: 7001 }),
    });
    tool.stdin?.on('error', () => {}).end(`From: ${sender}\nSubject: ${sender}\n\nx\n`);
    return (await new Promise((resolve) => tool.once('close', resolve))) === 0;
  }

  #senderOf(number: string): string {
    return `hanako-${this.#name}-${number}@mailtest.example.jp`;
  }
}

async function submit(port: number, { sender, to }: Acknowledged): Promise<boolean> {
  const client = await SmtpClient.connect(port);
  try {
    await client.reply();
    const recipients = to.map((local) => `RCPT TO:<${addressOf(local)}>`);
    for (const line of ['HELO x', `MAIL FROM:<${sender}>`, ...recipients, 'DATA'])
      if (!/^[23]/.test((await client.command(line)) ?? '')) return false;
    return (await client.command(`Subject: ${sender}\r\n\r\nx\r\n.`))?.startsWith('250') ?? false;
  } finally {
    client.destroy();
  }
}

function addressOf(local: string): string {
  return local === 'far' ? 'far@remote.example' : `${local}@mailtest.example.jp`;
}
