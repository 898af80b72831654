// The whole way of the README on the guide's host, run by walk.test.ts in a network of its own: old servers; each protocol and the queue moved to vqmail by `migrate cutover`; everything back by
// `migrate rollback`; all the while mail comes and clients poll. Ends with a stack trace when anything is otherwise than it should be.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../support/front-end.js';
import { startSink } from '../../support/smtp-sink.js';
import { besidePorts, domain, GuideHost, password, remotePort, serveOptions, users } from './guide-host.js';
import { Load } from './load.js';
import { typedReading, typedSmtp, typedSubmission } from './transcripts.js';

const served = ['smtp', 'submission', 'pop3s', 'imaps'] as const;
const customaryPorts = { smtp: 25, submission: 587, pop3: 110, pop3s: 995, imap: 143, imaps: 993 } as const;
/** By the protocol that is moved, what is compared with vqmail beside. */
const compared = {
  pop3: ['pop3'],
  imap: ['imap'],
  submission: ['submission'],
  smtp: ['smtp'],
  queue: [],
} as const;
type Moved = keyof typeof compared;
const accounts = users.flatMap((user) => ['--account', `${user}@${domain}:${password}`]);
const begun = performance.now();

class Walk {
  readonly #host: GuideHost;
  readonly #load = new Load();
  readonly #snapshot: string;

  constructor(host: GuideHost, folder: string) {
    this.#host = host;
    this.#snapshot = path.join(folder, 'snapshot');
  }

  async go(): Promise<void> {
    const host = this.#host;
    const sent = await this.#typedSending(2);
    const read = await typedReading();
    await this.#load.look();
    await this.#run('preflight');
    await this.#run('snapshot', this.#snapshot, '--uidl', 'dovecot');
    this.#load.begin();
    await this.#traffic('the old servers');
    await this.#shadow(served);

    await this.#moved('pop3');
    await this.#moved('imap');
    assert.deepEqual(await typedReading(), read, 'POP3S and IMAPS by hand');
    await this.#moved('submission');
    await this.#moved('smtp');
    await this.#moved('queue');
    assert.deepEqual(await this.#typedSending(4), sent, 'SMTP and submission by hand');
    const readOfOurs = await typedReading();
    await this.#run('verify', '--before', this.#snapshot);
    const sink = await startSink({ port: remotePort });
    await typedForward();
    await until(
      () => sink.messages().length > 0,
      () => this.#why('mail for another host'),
    );

    for (const protocol of ['queue', 'smtp', 'submission', 'imap', 'pop3'] as const) {
      await this.#run('rollback', protocol, '--yes');
      await this.#traffic(`${protocol} back`);
    }
    assert.deepEqual(await typedReading(), readOfOurs, 'by hand, back again');
    assert.deepEqual(await this.#typedSending(6), sent, 'sending by hand, back again');
    await this.#run('verify', '--before', this.#snapshot);
    await this.#load.end();
    await until(
      () => this.#missing() === 0,
      () => this.#why(`${this.#missing()} messages have not come`),
    );
    await until(
      async () => /empty/.test(await host.postfixQueue()),
      () => this.#why("Postfix's queue"),
    );
    await this.#load.look();
    this.#check();
    assert.equal(sink.messages().length, 1, 'mail for another host');
    await sink.stop();
  }

  async #moved(protocol: Moved): Promise<void> {
    const check =
      protocol === 'queue'
        ? []
        : compared[protocol].flatMap((name) => ['--beside', `${name}=127.0.0.1:${besidePorts[name]}`]);
    await this.#run('cutover', protocol, ...check, ...accounts, '--messages', '5', '--yes', '--', ...serveOptions);
    await this.#traffic(`${protocol} moved`);
  }

  async #shadow(protocols: readonly (keyof typeof besidePorts)[]): Promise<void> {
    const pairs = protocols.flatMap((name) => [
      ...['--old', `${name}=127.0.0.1:${customaryPorts[name]}`],
      ...['--new', `${name}=127.0.0.1:${besidePorts[name]}`],
    ]);
    await this.#run('shadow', ...pairs, ...accounts, '--messages', '5');
  }

  /** A command of `vqmail migrate`, which has to succeed. */
  async #run(...args: readonly string[]): Promise<void> {
    this.#load.step = args.slice(0, 2).join(' ');
    const { status, stdout, stderr } = await this.#host.vqmail('migrate', ...args);
    this.#tell(`migrate ${args.slice(0, 2).join(' ')}: ${status}`);
    assert.equal(status, 0, `migrate ${args.join(' ')}\n${stdout}${stderr}\n${this.#why('it failed')}`);
  }

  /** Messages are taken by whoever serves now, and every client has got new ones. */
  async #traffic(step: string): Promise<void> {
    const [taken, got] = [this.#load.accepted.size, this.#load.fewest()];
    await until(
      () => this.#load.accepted.size > taken + 2 && this.#load.fewest() > got,
      () => this.#why(step),
    );
    this.#tell(`${step}: ${this.#load.accepted.size} messages taken`);
  }

  /** What the guide sends by hand, and that it is in the mailbox. */
  async #typedSending(messages: number): Promise<string[]> {
    const answers = [...(await typedSmtp()), ...(await typedSubmission())];
    await until(
      () => this.#subjects('test').length >= messages,
      () => this.#why('mail by hand'),
    );
    return answers;
  }

  #subjects(user: string): string[] {
    return ['new', 'cur'].flatMap((part) => {
      const directory = path.join(this.#host.maildir(user), part);
      return readdirSync(directory).flatMap((name) => {
        const text = readFileSync(path.join(directory, name), 'latin1');
        return /^Subject: (.*)/m.exec(text)?.[1] ?? [];
      });
    });
  }

  #expected(user: string): string[] {
    const mine = [...this.#load.accepted].filter(([, owner]) => owner === user);
    return mine.map(([number]) => `number ${number}`).sort();
  }

  #arrived(user: string): string[] {
    return this.#subjects(user)
      .filter((subject) => subject.startsWith('number'))
      .sort();
  }

  #missing(): number {
    const counts = users.map((user) => this.#expected(user).length - this.#arrived(user).length);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #check(): void {
    for (const answer of this.#load.temporary) this.#tell(`tried again after ${answer}`);
    assert.deepEqual(this.#load.errors, []);
    for (const user of users) assert.deepEqual(this.#arrived(user), this.#expected(user), `mail of ${user}`);
    for (const { name, user, downloads, interruptions } of this.#load.pollers) {
      const got = [...downloads.values()].filter((subject) => subject.startsWith('number')).sort();
      assert.deepEqual(got, this.#expected(user), `${name} has downloaded each once`);
      assert.equal(
        new Set(interruptions).size,
        interruptions.length,
        `${name} was cut off twice in one step: ${interruptions.join(', ')}`,
      );
    }
  }

  #tell(line: string): void {
    process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1)} s: ${line}\n`);
  }

  #why(step: string): string {
    const { pollers, errors, accepted, temporary } = this.#load;
    const clients = pollers.map(
      ({ name, downloads, interruptions }) => `${name}: ${downloads.size}, cut off at ${interruptions}`,
    );
    return [`${step}: ${accepted.size} messages taken`, ...clients, ...temporary, ...errors, this.#host.why()].join(
      '\n',
    );
  }
}

/** Mail to an address that leads to another host. */
async function typedForward(): Promise<void> {
  const { SmtpClient } = await import('../../support/smtp-client.js');
  const client = await SmtpClient.connect(25);
  await client.reply();
  for (const line of [
    'HELO me',
    'MAIL FROM: noel@example.gr.jp',
    `RCPT TO: far@${domain}`,
    'DATA',
    'Subject: far\r\n\r\nx\r\n.',
  ])
    await client.command(line);
  await client.command('QUIT');
  client.destroy();
}

const [folder = ''] = process.argv.slice(2);
const host = await GuideHost.start(folder);
try {
  await new Walk(host, folder).go();
} finally {
  await host.stop();
}
process.exit(0);
