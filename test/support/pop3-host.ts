// A POP3 server for tests, in this process, on a fresh tree: that of a recorded session (domain mailtest.example.jp with test, hanako and postmaster, password `password`).

import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
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
import { OpenSessions } from '../../src/servers/open-sessions.js';
import { createPop3Server, type Pop3Context, type Pop3Server } from '../../src/servers/pop3/server.js';
import { openHost } from '../../src/stores/host.js';
import { Pop3Client } from './pop3-client.js';
import { applyWrite, buildTree, loadRecording, newRoot, type Recording, removeRoot } from './recording.js';
import { recordedAccounts } from './smtp-host.js';

export const testUser = 'test@mailtest.example.jp';
export const testPassword = 'password';
const accounts = '/home/vpopmail/domains/mailtest.example.jp';

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

export type Pop3HostOptions = Partial<Omit<Pop3Context, 'host' | 'log'>> & {
  /** Of the login check. */
  readonly login?: Partial<LoginsOptions>;
  /** Whose tree; dele-quit's unless given. Without its messages: `empty`. */
  readonly recording?: Recording;
  readonly empty?: boolean;
};

/** Starts a server; it and its tree are gone when the test ends. */
export async function pop3Host(t: TestContext, options: Pop3HostOptions = {}): Promise<Pop3Host> {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const before = (options.recording ?? loadRecording('pop3', 'dele-quit')).before;
  const isKept = ([name]: [string, unknown]): boolean => !options.empty || !/\/Maildir\/(new|cur|tmp)\//.test(name);
  buildTree(Object.fromEntries(Object.entries(before).filter(isKept)), root);
  applyWrite(recordedAccounts, root);

  const lines: string[] = [];
  const log = lineLog((line) => lines.push(line.trimEnd()));
  const host = openHost(new Layout({ root }), log);
  const sessions = new OpenSessions(host);
  const key = Buffer.alloc(32);
  const logins = new Logins({ passwords: new PasswordChecker(), gate: openGate, key, ...options.login, host });
  const sasl = new SaslLogin({ host, logins, trusted: new TrustedPeers([]), offersChallenges: () => true });
  const server = createPop3Server({ logins, sasl, sessions, ...options, host, log });
  let nextOrigin: { remoteIp: string; localIp: string } | undefined;
  const listener = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const origin = nextOrigin && { ...nextOrigin, remotePort: undefined, localPort: undefined };
    nextOrigin = undefined;
    server.handle(socket, 'pop3', origin);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  t.after(() => {
    listener.close();
  });

  const connect = async (from?: string): Promise<Pop3Client> => {
    const client = await Pop3Client.connect(port, from);
    t.after(() => client.destroy());
    return client;
  };
  const maildir = (user = 'test'): string => path.join(root, accounts, user, 'Maildir');
  return {
    root,
    port,
    server,
    sessions,
    logins,
    log: lines,
    connections: () =>
      new Promise((resolve, reject) => {
        listener.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    connect,
    connectAs(origin) {
      nextOrigin = origin;
      return connect();
    },
    maildir,
    async loggedIn(user = testUser) {
      const client = await connect();
      const reply = await client.logIn(user, testPassword);
      if (reply !== '+OK \r\n') throw new Error(`not logged in: ${reply} ${lines.join(' ')}`);
      return client;
    },
    put(name, content, { mtime = Date.now() / 1000 - 60, user } = {}) {
      const file = path.join(maildir(user), name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(Buffer.from(file, 'latin1'), content);
      utimesSync(Buffer.from(file, 'latin1'), mtime, mtime);
    },
    names: (user) =>
      ['new', 'cur'].flatMap((part) => {
        const directory = path.join(maildir(user), part);
        return existsSync(directory)
          ? readdirSync(directory, 'latin1')
              .sort()
              .map((name) => `${part}/${name}`)
          : [];
      }),
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
