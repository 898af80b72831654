// What test servers of protocols that read mail stand on: a fresh tree (domain mailtest.example.jp with test, hanako and postmaster, password `password`), its logins, and a port of their own.

import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openGate } from '../../src/auth/guessing/gate.js';
import { Logins, type LoginsOptions } from '../../src/auth/logins.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { SaslLogin } from '../../src/auth/sasl/sasl-login.js';
import { Layout } from '../../src/layout.js';
import { type Log, lineLog } from '../../src/log.js';
import { TrustedPeers } from '../../src/net/trusted-peers.js';
import { OpenSessions } from '../../src/servers/open-sessions.js';
import type { Origin } from '../../src/servers/origin.js';
import { type Host, openHost } from '../../src/stores/host.js';
import { applyWrite, buildTree, loadRecording, newRoot, type Recording, removeRoot } from './recording.js';
import { recordedAccounts } from './smtp-host.js';

export const testUser = 'test@mailtest.example.jp';
export const testPassword = 'password';
/** The directory of the domain's accounts, as the host names it. */
export const testAccounts = '/home/vpopmail/domains/mailtest.example.jp';

export interface ReadingHostOptions {
  /** Of the login check. */
  readonly login?: Partial<LoginsOptions>;
  /** Whose tree; dele-quit's unless given. Without its messages: `empty`. */
  readonly recording?: Recording;
  readonly empty?: boolean;
}

export interface ReadingHost {
  readonly root: string;
  /** The lines that were logged. */
  readonly lines: readonly string[];
  /** What a server of this host is made with. */
  readonly context: {
    readonly host: Host;
    readonly log: Log;
    readonly logins: Logins;
    readonly sasl: SaslLogin;
    readonly sessions: OpenSessions;
  };
  /** The Maildir of a user of mailtest.example.jp. */
  maildir(user?: string): string;
  /** Puts a message into a Maildir; `name` such as `new/1.a`, `.Work/cur/2.b:2,S`; `mtime` in seconds, a minute ago unless given. */
  put(name: string, content: string | Buffer, options?: { mtime?: number; user?: string }): void;
  /** The files of new/ and cur/ of a directory. */
  names(directory: string): string[];
}

/** Makes the tree; it is gone when the test ends. */
export function readingHost(t: TestContext, options: ReadingHostOptions): ReadingHost {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const { before } = options.recording ?? loadRecording('pop3', 'dele-quit');
  const isKept = ([name]: [string, unknown]): boolean => !options.empty || !/\/Maildir\/(new|cur|tmp)\//.test(name);
  buildTree(Object.fromEntries(Object.entries(before).filter(isKept)), root);
  applyWrite(recordedAccounts, root);
  const lines: string[] = [];
  const log = lineLog((line) => lines.push(line.trimEnd()));
  const host = openHost(new Layout({ root }), log);
  const key = Buffer.alloc(32);
  const logins = new Logins({ passwords: new PasswordChecker(), gate: openGate, key, ...options.login, host });
  const sasl = new SaslLogin({ host, logins, trusted: new TrustedPeers([]), offersChallenges: () => true });
  const maildir = (user = 'test'): string => path.join(root, testAccounts, user, 'Maildir');
  return {
    root,
    lines,
    context: { host, log, logins, sasl, sessions: new OpenSessions(host) },
    maildir,
    put(name, content, { mtime = Date.now() / 1000 - 60, user } = {}) {
      const file = path.join(maildir(user), name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(Buffer.from(file, 'latin1'), content);
      utimesSync(Buffer.from(file, 'latin1'), mtime, mtime);
    },
    names: (directory) =>
      ['new', 'cur'].flatMap((part) => {
        if (!existsSync(path.join(directory, part))) return [];
        const names = readdirSync(path.join(directory, part), 'latin1').sort();
        return names.map((name) => `${part}/${name}`);
      }),
  };
}

/** A port whose connections a server is handed, until the test ends. */
export interface HandedPort {
  readonly port: number;
  /** The server takes the next connection for one of another host. */
  nextFrom(origin: { readonly remoteIp: string; readonly localIp: string }): void;
  /** How many connections there are. */
  connections(): Promise<number>;
}

/** Listens on loopback. */
export async function handConnections(
  t: TestContext,
  handle: (socket: net.Socket, origin: Origin | undefined) => void,
): Promise<HandedPort> {
  let nextOrigin: { remoteIp: string; localIp: string } | undefined;
  const listener = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    const origin = nextOrigin && { ...nextOrigin, remotePort: undefined, localPort: undefined };
    nextOrigin = undefined;
    handle(socket, origin);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  t.after(() => {
    listener.close();
  });
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    nextFrom(origin) {
      nextOrigin = origin;
    },
    connections: () =>
      new Promise((resolve, reject) => {
        listener.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
  };
}
