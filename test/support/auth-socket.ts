// The server of Dovecot's authentication protocol inside the test's own process, at a unix socket, on a host with the domain example.jp.

import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type LoginGate, openGate } from '../../src/auth/guessing/gate.js';
import { Logins } from '../../src/auth/logins.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { SaslLogin } from '../../src/auth/sasl/sasl-login.js';
import { lineLog } from '../../src/log.js';
import { TrustedPeers } from '../../src/net/trusted-peers.js';
import type { AuthLimits } from '../../src/servers/auth-socket/connection.js';
import { type AuthServer, createAuthServer } from '../../src/servers/auth-socket/server.js';
import { openHost } from '../../src/stores/host.js';
import { AuthClient } from './auth-client.js';
import { VpopmailHost } from './vpopmail-host.js';

export interface AuthPlace {
  readonly files: VpopmailHost;
  readonly socket: string;
  readonly server: AuthServer;
  log(): string;
  /** A client that has done its handshake. */
  client(minor?: number): Promise<AuthClient>;
}

export interface AuthPlaceOptions {
  readonly limits?: Partial<AuthLimits>;
  readonly gate?: LoginGate;
  readonly hasClearPasswords?: () => boolean;
}

export async function authPlace(t: TestContext, options: AuthPlaceOptions = {}): Promise<AuthPlace> {
  const { limits, gate = openGate, hasClearPasswords = () => true } = options;
  const files = new VpopmailHost(t);
  files.domain('example.jp', { aliases: ['alias.example'] });
  files.logins('example.jp', {
    joe: { password: 'joe pw', quota: '1000000S,20C' },
    hashed: { password: 'secret', isClear: false },
    nosmtp: { password: 'secret', flags: 0x800 },
  });
  let log = '';
  const keep = lineLog((line) => {
    log += line;
  });
  const host = openHost(files.layout, keep);
  const logins = new Logins({ host, passwords: new PasswordChecker(), gate, key: Buffer.alloc(32) });
  const sasl = new SaslLogin({ host, logins, trusted: new TrustedPeers([]), offersChallenges: hasClearPasswords });
  const server = createAuthServer({ host, sasl, log: keep, ...(limits && { limits }) });
  const socket = path.join(files.root, 'auth');
  const listener = net.createServer({ pauseOnConnect: true }, (connection) => server.handle(connection)).listen(socket);
  await once(listener, 'listening');
  t.after(async () => {
    listener.close();
    await server.drain();
  });
  return {
    files,
    socket,
    server,
    log: () => log,
    async client(minor = 0) {
      const { client } = await AuthClient.greeted(socket, minor);
      t.after(() => client.destroy());
      return client;
    },
  };
}
