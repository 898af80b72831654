// The whole way of the README on one host, while mail comes and clients poll: old servers; each protocol moved to vqmail; everything moved back.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { until } from '../../support/front-end.js';
import { ImapClient } from '../../support/imap-client.js';
import { needs, needsRoot } from '../../support/needs.js';
import { Pop3Client } from '../../support/pop3-client.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { type StartedServer, startServer } from '../../support/started-server.js';
import { Load } from './load.js';
import { domain, OldHost, password, users } from './old-host.js';

/** vqmail on the ports that it has taken over so far. */
class Vqmail {
  readonly #host: OldHost;
  readonly #places: string[] = [];
  server: StartedServer | undefined;

  constructor(host: OldHost) {
    this.#host = host;
  }

  /** Takes one more place. */
  async take(...places: string[]): Promise<void> {
    await this.server?.stop();
    this.#places.push(...places);
    this.server = await startServer([
      '--root',
      this.#host.root,
      ...['--workers', '1', '--drain-seconds', '2', '--uidl', 'dovecot', '--queue', 'off'],
      ...this.#places.flatMap((place) => ['--listen', place]),
    ]);
  }
}

async function walked(t: TestContext): Promise<{ host: OldHost; load: Load }> {
  const host = await OldHost.start(t);
  const { ports } = host;
  const load = new Load(host);
  const vqmail = new Vqmail(host);
  t.after(() => vqmail.server?.stop('SIGKILL'));
  t.after(() => load.end());
  let step = 'the old servers';
  const why = (): string =>
    [
      `${step}: ${load.accepted.length} messages taken, ${load.interruptions} interruptions`,
      ...[...load.downloads].map(([poller, seen]) => `${poller}: ${seen.size}`),
      ...load.errors,
      ...[vqmail.server?.log() ?? '', host.why()].flatMap((log) => log.split('\n').slice(-30)),
    ].join('\n');
  /** Messages are taken by whoever serves now, and clients have got new ones. */
  const traffic = async (messages: number): Promise<void> => {
    const [sent, got] = [load.accepted.length, smallest(load)];
    await until(() => load.accepted.length >= sent + messages && smallest(load) > got, why);
  };
  load.begin();
  await traffic(4);
  const before = await transcript(host);

  step = 'POP3';
  await host.stopDovecot('pop3');
  await vqmail.take(`pop3=127.0.0.1:${ports.pop3}`);
  await traffic(3);
  step = 'IMAP';
  await host.stopDovecot('imap');
  await vqmail.take(
    `imap=127.0.0.1:${ports.imap}`,
    `auth=unix:${host.authSocket},mode=0660,user=postfix,group=postfix`,
  );
  await traffic(3);
  step = 'submission';
  await host.postfixListens({ smtp: true, submission: false });
  await vqmail.take(`submission=127.0.0.1:${ports.submission}`);
  await traffic(3);
  step = 'SMTP';
  await host.postfixListens({ smtp: false, submission: false });
  await vqmail.take(`smtp=127.0.0.1:${ports.smtp}`);
  await until(async () => /empty/.test(await host.postfixQueue()), why);
  await host.stopQmail();
  await traffic(3);
  assert.deepEqual(await transcript(host), before, 'what the guide types is answered alike');

  step = 'back';
  await vqmail.server?.stop();
  await host.startQmail();
  await host.startDovecot('imap');
  await host.startDovecot('pop3');
  await host.postfixListens({ smtp: true, submission: true });
  await traffic(4);
  assert.deepEqual(await transcript(host), before, 'and after the way back');
  await load.end();
  await until(async () => /empty/.test(await host.postfixQueue()), why);
  await until(() => users.every((user) => subjects(host, user).length >= load.accepted.length), why);
  await load.lastLook();
  return { host, load };
}

/** How many messages the poller that has the fewest has. */
function smallest({ downloads }: Load): number {
  return downloads.size < 2 * users.length ? 0 : Math.min(...[...downloads.values()].map((seen) => seen.size));
}

/** The numbers of the messages in a Maildir. */
function subjects(host: OldHost, user: string): number[] {
  return ['new', 'cur'].flatMap((part) => {
    const directory = path.join(host.maildir(user), part);
    return readdirSync(directory).map((name) => {
      const text = readFileSync(path.join(directory, name), 'latin1');
      return Number(/^Subject: number (\d+)/m.exec(text)?.[1]);
    });
  });
}

/** What a person sees who types the guide's commands: codes of SMTP, lines of POP3 and IMAP about the first message. */
async function transcript({ ports }: OldHost): Promise<string[]> {
  const [user] = users;
  const smtp = await SmtpClient.connect(ports.smtp);
  const codes = [await smtp.reply()];
  for (const line of ['EHLO phone.example', 'MAIL FROM:<>', `RCPT TO:<${user}@${domain}>`, 'RSET', 'QUIT'])
    codes.push(await smtp.command(line));
  const pop3 = await Pop3Client.connect(ports.pop3);
  const answers = [await pop3.logIn(`${user}@${domain}`, password)];
  for (const command of ['STAT', 'LIST 1', 'UIDL 1', 'RETR 1', 'QUIT']) answers.push(await pop3.ask(command));
  const imap = await ImapClient.connect(ports.imap);
  await imap.response();
  const lines: string[] = [];
  for (const command of [
    `LOGIN ${user}@${domain} ${password}`,
    'LIST "" *',
    'EXAMINE INBOX',
    'FETCH 1 (UID RFC822.SIZE BODY[])',
  ])
    lines.push(
      ...(await imap.ask(command)).filter((line) => /^OK|^\* LIST|^\* OK \[UIDVALIDITY|^\* 1 FETCH/.test(line)),
    );
  for (const client of [smtp, pop3, imap]) client.destroy();
  const [, , , uidl = '', retrieved = ''] = answers;
  return [
    ...codes.map((reply) => reply?.slice(0, 3) ?? 'closed'),
    ...answers.map((answer) => answer.slice(0, 3)),
    uidl.trim(),
    // As qmail-pop3d, vqmail sends an empty line more at the end, and counts it.
    retrieved.slice(retrieved.indexOf('\n')).replace(/(\r\n)+\.\r\n$/, '\r\n.\r\n'),
    ...lines.map((line) => line.replace(/^OK.*/, 'OK').replace(/\].*/, ']')),
  ];
}

describe('the way of the README, with mail coming and clients polling', () => {
  it('loses nothing, brings nothing twice, and no client downloads anything again', async (t) => {
    if (!needs(t, 'tcpserver', 'postfix', 'dovecot') || !needsRoot(t)) return;
    const { host, load } = await walked(t);
    assert.deepEqual(load.errors, [], `${load.errors.join('\n')}\n${host.why()}`);
    const expected = [...load.accepted].sort((a, b) => a - b);
    for (const user of users)
      assert.deepEqual(
        subjects(host, user).sort((a, b) => a - b),
        expected,
        user,
      );
    for (const [poller, seen] of load.downloads)
      assert.deepEqual(
        [...seen.values()].sort((a, b) => a - b),
        expected,
        `${poller} has downloaded each once`,
      );
  });
});
