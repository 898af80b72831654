// An IMAP server for tests, in this process, on the tree of test/support/reading-host.ts (domain mailtest.example.jp with test, hanako and postmaster, password `password`).

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { createImapServer, type ImapContext, type ImapServer } from '../../src/servers/imap/server.js';
import type { OpenSessions } from '../../src/servers/open-sessions.js';
import { OpenMailboxes } from '../../src/stores/mailboxes/open-mailboxes.js';
import { changeAccount, setField } from './account-change.js';
import { ImapClient } from './imap-client.js';
import {
  handConnections,
  type ReadingHostOptions,
  readingHost,
  testAccounts,
  testPassword,
  testUser,
} from './reading-host.js';

export { testPassword, testUser };

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

export type ImapHostOptions = Partial<Omit<ImapContext, 'host' | 'log'>> & Pick<ReadingHostOptions, 'login'>;

/** Starts a server; it and its tree, whose Maildirs are empty, are gone when the test ends. */
export async function imapHost(t: TestContext, options: ImapHostOptions = {}): Promise<ImapHost> {
  const { login, ...own } = options;
  const { root, lines, context, maildir, put, names } = readingHost(t, { empty: true, ...(login && { login }) });
  const { host, log, sessions } = context;
  const mailboxes = new OpenMailboxes({ log });
  const server = createImapServer({ ...context, mailboxes, ...own, host, log });
  const { port, nextFrom } = await handConnections(t, (socket, origin) => server.handle(socket, 'imap', origin));

  const connect = async (from?: string): Promise<ImapClient> => {
    const client = await ImapClient.connect(port, from);
    t.after(() => client.destroy());
    const greeting = await client.response();
    if (!greeting.startsWith('* OK ')) throw new Error(`no greeting: ${greeting}`);
    return client;
  };
  return {
    root,
    port,
    server,
    sessions,
    mailboxes,
    log: lines,
    connect,
    connectAs(origin) {
      nextFrom(origin);
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
    put,
    makeFolder(name, user) {
      for (const part of ['cur', 'new', 'tmp'])
        mkdirSync(path.join(maildir(user), `.${name}`, part), { recursive: true });
    },
    setQuota: (quota) => changeAccount(path.join(root, testAccounts), 'test', setField(6, quota)),
    names: (folder = '', user) => names(path.join(maildir(user), folder === '' ? '' : `.${folder}`)),
  };
}
