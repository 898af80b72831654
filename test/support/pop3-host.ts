// A POP3 server for tests, in this process, on a fresh tree: that of a recorded session (domain mailtest.example.jp with test, hanako and postmaster, password `password`).

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Logins } from '../../src/auth/logins.js';
import type { OpenSessions } from '../../src/servers/open-sessions.js';
import { createPop3Server, type Pop3Context, type Pop3Server } from '../../src/servers/pop3/server.js';
import { Pop3Client } from './pop3-client.js';
import { handConnections, type ReadingHostOptions, readingHost, testPassword, testUser } from './reading-host.js';

export { testPassword, testUser };

export interface Pop3Host {
  readonly root: string;
  readonly port: number;
  readonly server: Pop3Server;
  readonly sessions: OpenSessions;
  readonly logins: Logins;
  /** The lines that the server logged. */
  readonly log: readonly string[];
  /** How many connections the server has. */
  connections(): Promise<number>;
  connect(from?: string): Promise<Pop3Client>;
  /** A client that the server takes for one of another host. */
  connectAs(origin: { readonly remoteIp: string; readonly localIp: string }): Promise<Pop3Client>;
  /** A client that has logged in. */
  loggedIn(user?: string): Promise<Pop3Client>;
  /** The Maildir of a user of mailtest.example.jp. */
  maildir(user?: string): string;
  /** Puts a message into a Maildir; `mtime` in seconds, a minute ago unless given. */
  put(name: string, content: string | Buffer, options?: { mtime?: number; user?: string }): void;
  /** The files of new/ and cur/. */
  names(user?: string): string[];
}

export type Pop3HostOptions = Partial<Omit<Pop3Context, 'host' | 'log'>> & ReadingHostOptions;

/** Starts a server; it and its tree are gone when the test ends. */
export async function pop3Host(t: TestContext, options: Pop3HostOptions = {}): Promise<Pop3Host> {
  const { root, lines, context, maildir, put, names } = readingHost(t, options);
  const { host, log, logins, sessions } = context;
  const server = createPop3Server({ ...context, ...options, host, log });
  const { port, nextFrom, connections } = await handConnections(t, (socket, origin) =>
    server.handle(socket, 'pop3', origin),
  );

  const connect = async (from?: string): Promise<Pop3Client> => {
    const client = await Pop3Client.connect(port, from);
    t.after(() => client.destroy());
    return client;
  };
  return {
    root,
    port,
    server,
    sessions,
    logins,
    log: lines,
    connections,
    connect,
    connectAs(origin) {
      nextFrom(origin);
      return connect();
    },
    maildir,
    async loggedIn(user = testUser) {
      const client = await connect();
      const reply = await client.logIn(user, testPassword);
      if (reply !== '+OK \r\n') throw new Error(`not logged in: ${reply} ${lines.join(' ')}`);
      return client;
    },
    put,
    names: (user) => names(maildir(user)),
  };
}

/** The octets of a message as RETR sends them: the lines behind the status line without doubled dots and without the closing dot. */
export function messageOf(reply: string): string {
  const body = reply.slice(reply.indexOf('\n') + 1, -'.\r\n'.length);
  return body.replace(/^\.\./gm, '.');
}

/** A text file of the tree. */
export function fileText(root: string, hostPath: string): string {
  return readFileSync(path.join(root, hostPath), 'latin1');
}
