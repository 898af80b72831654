// An IMAP server for tests, in this process, on the tree of test/support/pop3-host.ts (domain mailtest.example.jp with test, hanako and postmaster, password `password`).

import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openGate } from '../../src/auth/guessing/gate.js';
import { Logins, type LoginsOptions } from '../../src/auth/logins.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { SaslLogin } from '../../src/auth/sasl/sasl-login.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { TrustedPeers } from '../../src/net/trusted-peers.js';
import { createImapServer, type ImapContext, type ImapServer } from '../../src/servers/imap/server.js';
import { OpenSessions } from '../../src/servers/open-sessions.js';
import { openHost } from '../../src/stores/host.js';
import { OpenMailboxes } from '../../src/stores/mailboxes/open-mailboxes.js';
import { changeAccount, setField } from './account-change.js';
import { ImapClient } from './imap-client.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from './recording.js';
import { recordedAccounts } from './smtp-host.js';

export const testUser = 'test@mailtest.example.jp';
export const testPassword = 'password';
const accounts = '/home/vpopmail/domains/mailtest.example.jp';

export interface ImapHost {
  readonly root: string;
  readonly port: number;
  readonly server: ImapServer;
  readonly sessions: OpenSessions;
  readonly mailboxes: OpenMailboxes;
  /** The lines that the server logged. */
  readonly log: readonly string[];
  /** A client that has read the greeting. */
  connect(from?: string): Promise<ImapClient>;
  /** A client that the server takes for one of another host. */
  connectAs(origin: { readonly remoteIp: string; readonly localIp: string }): Promise<ImapClient>;
  /** A client that has logged in, and selected a mailbox if one is named. */
  loggedIn(mailbox?: string, user?: string): Promise<ImapClient>;
  /** The Maildir of a user of mailtest.example.jp. */
  maildir(user?: string): string;
  /** Puts a message into a Maildir; `name` such as `new/1.a`, `.Work/cur/2.b:2,S`; `mtime` in seconds, a minute ago unless given. */
  put(name: string, content: string | Buffer, options?: { mtime?: number; user?: string }): void;
  /** Makes a folder, as maildirmake would. */
  makeFolder(name: string, user?: string): void;
  /** Limits the account `test`, from its next login on. */
  setQuota(quota: string): void;
  /** The files of new/ and cur/ of a folder. */
  names(folder?: string, user?: string): string[];
}

export type ImapHostOptions = Partial<Omit<ImapContext, 'host' | 'log'>> & {
  /** Of the login check. */
  readonly login?: Partial<LoginsOptions>;
};

/** Starts a server; it and its tree, whose Maildirs are empty, are gone when the test ends. */
export async function imapHost(t: TestContext, options: ImapHostOptions = {}): Promise<ImapHost> {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const { before } = loadRecording('pop3', 'dele-quit');
  const isKept = ([name]: [string, unknown]): boolean => !/\/Maildir\/(new|cur|tmp)\//.test(name);
  buildTree(Object.fromEntries(Object.entries(before).filter(isKept)), root);
  applyWrite(recordedAccounts, root);

  const lines: string[] = [];
  const log = lineLog((line) => lines.push(line.trimEnd()));
  const host = openHost(new Layout({ root }), log);
  const sessions = new OpenSessions(host);
  const mailboxes = new OpenMailboxes({ log });
  const { login, ...context } = options;
  const logins = new Logins({
    passwords: new PasswordChecker(),
    gate: openGate,
    key: Buffer.alloc(32),
    ...login,
    host,
  });
  const sasl = new SaslLogin({ host, logins, trusted: new TrustedPeers([]), offersChallenges: () => true });
  const server = createImapServer({ logins, sasl, sessions, mailboxes, ...context, host, log });
  let nextOrigin: { remoteIp: string; localIp: string } | undefined;
  const listener = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const origin = nextOrigin && { ...nextOrigin, remotePort: undefined, localPort: undefined };
    nextOrigin = undefined;
    server.handle(socket, 'imap', origin);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  t.after(() => {
    listener.close();
  });

  const connect = async (from?: string): Promise<ImapClient> => {
    const client = await ImapClient.connect(port, from);
    t.after(() => client.destroy());
    const greeting = await client.response();
    if (!greeting.startsWith('* OK ')) throw new Error(`no greeting: ${greeting}`);
    return client;
  };
  const maildir = (user = 'test'): string => path.join(root, accounts, user, 'Maildir');
  return {
    root,
    port,
    server,
    sessions,
    mailboxes,
    log: lines,
    connect,
    connectAs(origin) {
      nextOrigin = origin;
      return connect();
    },
    async loggedIn(mailbox, user = testUser) {
      const client = await connect();
      const answer = await client.tagged(`LOGIN ${user} ${testPassword}`);
      if (!answer.startsWith('OK ')) throw new Error(`not logged in: ${answer} ${lines.join(' ')}`);
      if (mailbox === undefined) return client;
      const selected = await client.tagged(`SELECT "${mailbox}"`);
      if (!selected.startsWith('OK ')) throw new Error(`not selected: ${selected} ${lines.join(' ')}`);
      return client;
    },
    maildir,
    put(name, content, { mtime = Date.now() / 1000 - 60, user } = {}) {
      const file = path.join(maildir(user), name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(Buffer.from(file, 'latin1'), content);
      utimesSync(Buffer.from(file, 'latin1'), mtime, mtime);
    },
    makeFolder(name, user) {
      for (const part of ['cur', 'new', 'tmp'])
        mkdirSync(path.join(maildir(user), `.${name}`, part), { recursive: true });
    },
    setQuota: (quota) => changeAccount(path.join(root, accounts), 'test', setField(6, quota)),
    names: (folder = '', user) =>
      ['new', 'cur'].flatMap((part) => {
        const directory = path.join(maildir(user), folder === '' ? '' : `.${folder}`, part);
        if (!existsSync(directory)) return [];
        return readdirSync(directory, 'latin1')
          .sort()
          .map((name) => `${part}/${name}`);
      }),
  };
}
