// The server of Dovecot's authentication protocol: Postfix (`smtpd_sasl_type = dovecot`), Exim and others ask it whether a login is right. It is handed accepted sockets; who listens is another's business.
//
// Whoever may connect may try passwords in the name of any client and learn where mailboxes are: the listener is a unix socket with a mode and a group, or loopback. A Postfix that starts an smtpd
// while the socket is missing takes no mail at all, so the listener belongs to the process that lives longest.

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SaslLogin } from '../../auth/sasl/sasl-login.js';
import type { Log } from '../../log.js';
import { serializeGreeting } from '../../protocols/dovecot-auth.js';
import type { Host } from '../../stores/host.js';
import { AuthConnection, type AuthConnectionContext, type AuthLimits } from './connection.js';
import { advertised } from './mechanisms.js';
import { type FindUserElsewhere, findUser } from './userdb.js';

/** Dovecot's own time for a request. */
export const defaultAuthLimits: AuthLimits = { requestMs: 150_000, atWork: 100, waiting: 1000 };

export interface AuthServerContext {
  readonly host: Host;
  readonly sasl: SaslLogin;
  readonly log: Log;
  /** Users of domains of other uids. */
  readonly elsewhere?: FindUserElsewhere | undefined;
  readonly limits?: Partial<AuthLimits>;
}

export interface AuthServer {
  /** Takes over an accepted socket, paused or not, of which nothing has been read. */
  handle(socket: Socket): void;
  /** Takes no more connections, answers what is being worked on, and settles when all are closed. */
  drain(): Promise<void>;
}

/** Nothing is known of the clients yet, and the front end decides who may send a password in clear. */
const anybody = { origin: { remoteIp: undefined, localIp: undefined }, isSecure: true };

export function createAuthServer({ host, sasl, log, elsewhere, limits }: AuthServerContext): AuthServer {
  const context: AuthConnectionContext = {
    sasl,
    log,
    limits: { ...defaultAuthLimits, ...limits },
    findUser: (name) => findUser(host, name, elsewhere),
  };
  const live = new Set<AuthConnection>();
  let connections = 0;
  let whenEmpty: (() => void) | undefined;

  const greeting = (): string =>
    serializeGreeting({
      mechanisms: sasl.mechanisms(anybody).map(advertised),
      pid: process.pid,
      connection: ++connections,
      cookie: randomBytes(16).toString('hex'),
    });

  return {
    handle(socket) {
      socket.allowHalfOpen = true;
      socket.on('error', () => {});
      if (whenEmpty !== undefined) return void socket.destroy();
      const connection = new AuthConnection(socket, context);
      live.add(connection);
      socket.once('close', () => {
        live.delete(connection);
        if (live.size === 0) whenEmpty?.();
      });
      void connection.run(greeting());
    },
    drain() {
      return new Promise((resolve) => {
        whenEmpty = resolve;
        for (const connection of live) connection.endSoon();
        if (live.size === 0) resolve();
      });
    },
  };
}
