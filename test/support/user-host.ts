// An SMTP server for tests of those who log in, in this process, on a fresh tree: that of the recorded guide session (domain mailtest.example.jp with test, hanako, taro and postmaster,
// password `password`). Recipients are looked up as they are in service; what is accepted is kept, whatever would become of it, also mail for other hosts.

import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openGate } from '../../src/auth/guessing/gate.js';
import { Logins, type LoginsOptions } from '../../src/auth/logins.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { SaslLogin } from '../../src/auth/sasl/sasl-login.js';
import type { Envelope } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { TrustedPeers } from '../../src/net/trusted-peers.js';
import { OpenSessions } from '../../src/servers/open-sessions.js';
import type { Origin } from '../../src/servers/origin.js';
import { createSmtpServer, type SmtpContext, type SmtpServer } from '../../src/servers/smtp/server.js';
import { defaultPolicy, type SubmissionPolicy } from '../../src/servers/smtp/submission/policy.js';
import { RateKeeper } from '../../src/servers/smtp/submission/user-rates.js';
import { openHost } from '../../src/stores/host.js';
import { type CollectedMessage, collectingDelivery } from './collecting-delivery.js';
import { SmtpClient } from './smtp-client.js';
import { guideTree, writeControl, writeRules } from './smtp-host.js';

export const domainDirectory = '/home/vpopmail/domains/mailtest.example.jp';
export const user = 'test@mailtest.example.jp';
export const password = 'password';
/** AUTH PLAIN of that user, ready to be sent. */
export const authPlain = `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`;

export interface UserHost {
  readonly root: string;
  readonly port: number;
  readonly server: SmtpServer;
  readonly sessions: OpenSessions;
  readonly messages: readonly CollectedMessage[];
  /** What the programs in the place of qmail-queue would see, one for each message. */
  readonly environments: readonly (Readonly<Record<string, string>> | undefined)[];
  log(): string;
  /** A client whose greeting has been read. On smtps it has done the handshake. */
  greeted(origin?: Partial<Origin>): Promise<SmtpClient>;
  /** One that has logged in as `user`. */
  loggedIn(origin?: Partial<Origin>): Promise<SmtpClient>;
  control(name: string, text: string | null): void;
  rules(text: string): void;
  /** Writes a file of the domain. */
  file(name: string, text: string): void;
}

export interface UserHostOptions extends Omit<SmtpContext, 'host' | 'delivery' | 'log' | 'users'> {
  readonly policy?: Partial<SubmissionPolicy>;
  readonly login?: Partial<LoginsOptions>;
  readonly trusted?: readonly string[];
}

/** An origin of clients that nobody trusts. */
export const stranger: Partial<Origin> = { remoteIp: '192.0.2.7', localIp: '198.51.100.1' };

/** Starts a server for submission, unless another flavour is asked for; it and its tree are gone when the test ends. */
export async function userHost(t: TestContext, options: UserHostOptions = {}): Promise<UserHost> {
  const root = guideTree(t);
  // The recorded rules let only the host's own network in.
  writeRules(root, ':allow\n');
  let text = '';
  const log = lineLog((line) => {
    text += line;
  });
  const host = openHost(new Layout({ root }), log);
  const sessions = new OpenSessions(host);
  const key = Buffer.alloc(32);
  const logins = new Logins({ passwords: new PasswordChecker(), gate: openGate, key, ...options.login, host });
  const trusted = new TrustedPeers(options.trusted ?? []);
  const sasl = new SaslLogin({ host, logins, trusted, offersChallenges: () => true });
  const policy = { ...defaultPolicy, ...options.policy };
  const collecting = collectingDelivery();
  const environments: (Readonly<Record<string, string>> | undefined)[] = [];
  const real = createDelivery(host);
  const delivery = {
    resolve: real.resolve,
    accept(envelope: Envelope) {
      environments.push(envelope.submission?.program?.environment);
      return collecting.accept(envelope);
    },
    hasQueue: () => true,
  };
  const server = createSmtpServer({
    limits: { drainMs: 300 },
    flavour: 'submission',
    ...options,
    host,
    delivery,
    log,
    users: { sasl, sessions, policy, rates: new RateKeeper(policy, log) },
  });
  let nextOrigin: Partial<Origin> | undefined;
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => {
    const none = { remoteIp: undefined, remotePort: undefined, localIp: undefined, localPort: undefined };
    const origin = nextOrigin && { ...none, ...nextOrigin };
    nextOrigin = undefined;
    server.handle(socket, origin);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const clients: SmtpClient[] = [];
  t.after(async () => {
    for (const client of clients) client.destroy();
    listener.close();
    await server.drain();
  });
  const greeted = async (origin?: Partial<Origin>): Promise<SmtpClient> => {
    nextOrigin = origin;
    const client = await SmtpClient.connect(port);
    clients.push(client);
    if (options.flavour === 'smtps') await client.secure();
    if ((await client.reply()) === undefined) throw new Error(`no greeting: ${text}`);
    return client;
  };
  return {
    root,
    port,
    server,
    sessions,
    messages: collecting.messages,
    environments,
    log: () => text,
    greeted,
    async loggedIn(origin) {
      const client = await greeted(origin);
      await client.command('EHLO phone.example');
      const reply = await client.command(authPlain);
      if (reply !== '235 ok, go ahead (#2.0.0)') throw new Error(`not logged in: ${reply} ${text}`);
      return client;
    },
    control: (name, content) => writeControl(root, name, content),
    rules: (content) => writeRules(root, content),
    file: (name, content) => writeFileSync(path.join(root, domainDirectory, name), content),
  };
}
