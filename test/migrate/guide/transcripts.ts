// The sessions that the guide types by hand, literally: SMTP by itself with bare addresses, all else through openssl. What is kept of the answers is what must agree, whoever serves: codes and
// what is said about mail and folders, not the words of a server. POP3's sizes are left out, and the empty line that ends a message there: the README tells of both.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { SmtpClient } from '../../support/smtp-client.js';
import { domain, password } from './guide-host.js';

const account = `test@${domain}`;

/** The guide's mail, sent by hand to port 25. */
export async function typedSmtp(): Promise<string[]> {
  const client = await SmtpClient.connect(25);
  const codes = [code(await client.reply())];
  for (const line of ['HELO me', 'MAIL FROM: noel@example.gr.jp', `RCPT TO: ${account}`, 'DATA'])
    codes.push(code(await client.command(line)));
  codes.push(code(await client.command('Subject: test mail\r\n\r\nThis is a test.\r\n.')));
  codes.push(code(await client.command('QUIT')));
  client.destroy();
  return codes;
}

/** A login by AUTH PLAIN over STARTTLS on 587, and a mail. */
export async function typedSubmission(): Promise<string[]> {
  const openssl = new Typist(['-starttls', 'smtp', '-connect', '127.0.0.1:587']);
  const plain = Buffer.from(`\0${account}\0${password}`).toString('base64');
  const oneReply = /^\d{3} .*\n$/m;
  const hello = await openssl.type('ehlo phone.example', oneReply);
  const lines = [/^250[- ]AUTH .*\bPLAIN\b/m.test(hello) ? 'AUTH PLAIN' : 'no AUTH PLAIN'];
  for (const line of [`AUTH PLAIN ${plain}`, `mail from: <${account}>`, `rcpt to: <${account}>`, 'data'])
    lines.push(code(await openssl.type(line, oneReply)));
  lines.push(code(await openssl.type('Subject: by submission\n\nThis is a test.\n.', oneReply)));
  lines.push(code(await openssl.type('quit', oneReply)));
  openssl.end();
  return lines;
}

/** POP3S on 995 and IMAPS on 993 about the account's mail. */
export async function typedReading(): Promise<string[]> {
  return [...(await typedPop3()), ...(await typedImap())];
}

async function typedPop3(): Promise<string[]> {
  const openssl = new Typist(['-connect', '127.0.0.1:995']);
  const [one, more] = [/^[+-].*\n$/, /^(-ERR.*\n|\+OK(.*\n)+\.\n)$/];
  const lines = [status(await openssl.answer(one))];
  for (const line of [`user ${account}`, `pass ${password}`]) lines.push(status(await openssl.type(line, one)));
  lines.push((await openssl.type('stat', one)).replace(/(\d+) \d+/, '$1').trim());
  const list = await openssl.type('list', more);
  lines.push(...[...list.matchAll(/^(\d+) \d+$/gm)].map(([, number]) => `${number}`));
  lines.push(...[...(await openssl.type('uidl', more)).matchAll(/^\d+ \S+$/gm)].map(([found]) => found));
  const message = await openssl.type('retr 1', more);
  lines.push(message.slice(message.indexOf('\n') + 1).replace(/\n+\.\n$/, ''));
  lines.push(status(await openssl.type('quit', one)));
  openssl.end();
  return lines;
}

async function typedImap(): Promise<string[]> {
  const openssl = new Typist(['-connect', '127.0.0.1:993']);
  const tagged = /^a\d+ .*\n$/m;
  const lines = [(await openssl.answer(/^\* .*\n$/)).slice(0, 4)];
  const commands = [
    `login ${account} ${password}`,
    'list "" *',
    'select inbox',
    'fetch 1 (uid rfc822.size body[])',
    'fetch 1:* (uid flags internaldate)',
    'logout',
  ];
  for (const [index, command] of commands.entries()) {
    const answer = await openssl.type(`a${index} ${command}`, tagged);
    lines.push(
      ...answer
        .split(/\r?\n/)
        .filter((line) => isKept(line, command))
        .map(keptPart),
    );
  }
  openssl.end();
  return lines;
}

/** What says something about the mail. */
function isKept(line: string, command: string): boolean {
  if (/^a\d/.test(line)) return true;
  if (command.startsWith('select')) return /^\* (\d+ EXISTS|OK \[UID)/.test(line);
  return command.startsWith('fetch') ? line !== '' : /^\* LIST/.test(line);
}

function keptPart(line: string): string {
  return line
    .replace(/^(a\d+ \w+).*/, '$1')
    .replace(/^(\* OK \[\w+ \d+\]).*/, '$1')
    .replace(/ ?\\Recent/, '');
}

function code(reply: string | undefined): string {
  return /^(\d{3}) /m.exec(reply ?? '')?.[1] ?? 'closed';
}

function status(reply: string): string {
  return reply.split(' ', 1)[0]?.trim() ?? '';
}

/** How long an answer may take before the test fails. */
const patienceMs = 30_000;

/** Somebody who types into `openssl s_client`. */
class Typist {
  readonly #child: ChildProcessWithoutNullStreams;
  #shown = '';

  constructor(args: readonly string[]) {
    this.#child = spawn('openssl', ['s_client', '-quiet', '-crlf', ...args]);
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#shown += text.replaceAll('\r', '');
    });
    this.#child.stdin.on('error', () => {});
  }

  /** @param whole what an answer looks like when all of it is there */
  type(line: string, whole: RegExp): Promise<string> {
    this.#shown = '';
    this.#child.stdin.write(`${line}\n`);
    return this.answer(whole);
  }

  async answer(whole: RegExp): Promise<string> {
    for (const end = performance.now() + patienceMs; !whole.test(this.#shown); await pause(5))
      if (performance.now() > end) throw new Error(`no whole answer: ${JSON.stringify(this.#shown)}`);
    return this.#shown;
  }

  end(): void {
    this.#child.kill();
  }
}
