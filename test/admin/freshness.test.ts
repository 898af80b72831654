// From the exit of vadduser, vpasswd, vdeluser, vadddomain and vdeldomain to the next RCPT and the next login at a running server: 10,000 tries at a server with the watcher and 10,000 at
// one without it, and no answer that was true before.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { run } from '../support/program.js';
import { removeRoot } from '../support/recording.js';
import { SmtpClient } from '../support/smtp-client.js';
import { type StartedServer, startServer, vqmailProgram } from '../support/started-server.js';
import { makeAdminHost, mustCall } from './admin-host.js';
import type { Call } from './writers.js';

const wantedTries = 10_000;
const lanes = 4;
/** One in so many changes is made by a program of its own, as scripts do. */
const programEvery = 60;

/** A client at which so many recipients were refused is told to go. */
const mostRefused = 15;

/** One server, with a connection of each lane for RCPT. */
class Subject {
  readonly name: string;
  readonly #server: StartedServer;
  readonly #mail = new Map<number, { readonly client: SmtpClient; refused: number }>();
  readonly wrong: string[] = [];
  tries = 0;

  constructor(name: string, server: StartedServer) {
    this.name = name;
    this.#server = server;
  }

  async recipient(lane: number, address: string, isThere: boolean): Promise<void> {
    const mail = this.#mail.get(lane) ?? { client: await this.#mailClient(), refused: 0 };
    this.#mail.set(lane, mail);
    const reply = (await mail.client.command(`RCPT TO:<${address}>`)) ?? 'closed';
    this.#judge(`RCPT ${address}`, isThere ? /^250 / : /^55[03] /, reply);
    if (isThere || ++mail.refused < mostRefused) return;
    mail.client.destroy();
    this.#mail.delete(lane);
  }

  async #mailClient(): Promise<SmtpClient> {
    const client = await SmtpClient.connect(this.#server.ports.smtp ?? 0);
    await client.reply();
    await client.command('HELO me');
    await client.command('MAIL FROM:<>');
    return client;
  }

  async login(address: string, password: string, isRight: boolean): Promise<void> {
    // A login makes its address a relay client, and the mail client must not be one.
    const client = await Pop3Client.connect(this.#server.ports.pop3 ?? 0, '127.0.0.9');
    const reply = await client.logIn(address, password);
    client.destroy();
    this.#judge(`PASS ${address} ${password}`, isRight ? /^\+OK/ : /^-ERR/, reply);
  }

  stop(): Promise<number | string> {
    for (const { client } of this.#mail.values()) client.destroy();
    return this.#server.stop();
  }

  #judge(asked: string, wanted: RegExp, reply: string): void {
    this.tries++;
    if (!wanted.test(reply)) this.wrong.push(`${asked}: ${reply}`);
  }
}

test(`${wantedTries} tries at each server`, async (t) => {
  if (!needsRoot(t)) return;
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  const domains = Array.from({ length: lanes }, (_, number) => `d${number}.example`);
  await mustCall(root, ...domains.map((domain): Call => ['vadddomain', domain, 'postmaster-password']));
  const listen = ['--root', root, '--listen', 'smtp=127.0.0.1:0', '--listen', 'pop3=127.0.0.1:0', '--workers', '1'];
  // Half of the tries are logins that are to fail, thousands a minute from one address.
  listen.push('--wrong-logins', 'any');
  const subjects = [
    new Subject('with the watcher', await startServer(listen)),
    new Subject('without the watcher', await startServer([...listen, '--watch', 'off'])),
  ];
  t.after(() => Promise.all(subjects.map((subject) => subject.stop())));
  await Promise.all(domains.map((domain, lane) => changeAndTry(root, domain, lane, subjects)));
  for (const { name, tries, wrong } of subjects) {
    assert.deepEqual(wrong, [], name);
    assert.ok(tries >= wantedTries, `${name}: ${tries} tries`);
  }
});

async function changeAndTry(root: string, domain: string, lane: number, subjects: readonly Subject[]): Promise<void> {
  const everywhere = (ask: (subject: Subject) => Promise<void>[]): Promise<unknown> =>
    Promise.all(subjects.flatMap(ask));
  let changes = 0;
  const change = async (...call: string[]): Promise<void> => {
    if (++changes % programEvery > 0) return mustCall(root, call);
    const { status, stderr } = await run([process.execPath, vqmailProgram, '--root', root, ...call]);
    assert.deepEqual([status, stderr], [0, ''], call.join(' '));
  };
  for (let round = 0; subjects.some(({ tries }) => tries < wantedTries); round++) {
    const address = `u${round % 50}@${domain}`;
    await change('vadduser', address, 'first-password');
    await everywhere((subject) => [
      subject.recipient(lane, address, true),
      subject.login(address, 'first-password', true),
      subject.login(address, 'second-password', false),
    ]);
    await change('vpasswd', address, 'second-password');
    await everywhere((subject) => [
      subject.login(address, 'second-password', true),
      subject.login(address, 'first-password', false),
    ]);
    await change('vdeluser', address);
    await everywhere((subject) => [
      subject.recipient(lane, address, false),
      subject.login(address, 'second-password', false),
    ]);
    if (round % 20 > 0) continue;
    const added = `lane${lane}-${round}.example`;
    await change('vadddomain', added, 'postmaster-password');
    await everywhere((subject) => [
      subject.recipient(lane, `postmaster@${added}`, true),
      subject.login(`postmaster@${added}`, 'postmaster-password', true),
    ]);
    await change('vdeldomain', added);
    await everywhere((subject) => [
      subject.recipient(lane, `postmaster@${added}`, false),
      subject.login(`postmaster@${added}`, 'postmaster-password', false),
    ]);
  }
}
