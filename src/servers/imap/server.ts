// The IMAP server: what stands on port 143 in the place of Dovecot or Courier. It is handed accepted sockets; who listens is another's business.
//
// A session (servers/imap/session.ts) begins with the greeting. For an account whose domain belongs to a uid that this process is not, the session goes on in a process of that uid after
// the login: `elsewhere` opens a connection to it, and the bytes are passed on in both directions; the other process takes the session up with `resume`.

import type { Socket } from 'node:net';
import type { LoggedIn } from '../../auth/login.js';
import type { Logins } from '../../auth/logins.js';
import type { SaslLogin } from '../../auth/sasl/sasl-login.js';
import { FileReads } from '../../files/file-reads.js';
import type { Log } from '../../log.js';
import { Charsets } from '../../protocols/mime/charset.js';
import type { Host } from '../../stores/host.js';
import type { OpenMailboxes } from '../../stores/mailboxes/open-mailboxes.js';
import type { OpenSessions } from '../open-sessions.js';
import { type Origin, originOf } from '../origin.js';
import type { ServerTls } from '../server-tls.js';
import type { ClientOfSession } from './connection-security.js';
import { SpecialUses } from './mailboxes/special-use.js';
import { ImapConnection } from './session.js';
import { defaultImapSettings, type ImapSettings } from './settings.js';

/** A session on its way to another process, which has let its client in and given a ticket for it. */
export interface ImapElsewhere {
  readonly service: 'imap' | 'imaps';
  readonly origin: { readonly remoteIp: string | undefined; readonly localIp: string | undefined };
  readonly ticket: string;
  /** Of the command that logged in; its answer is to come. */
  readonly tag: string;
}

/** Opens a connection to the process of an owner. @throws TemporaryError */
export type OpenImapElsewhere = (owner: { uid: number; gid: number }, session: ImapElsewhere) => Promise<Socket>;

export interface ImapLimits {
  /** How long a client that has logged in may say nothing, unless it idles. */
  readonly idleMs: number;
  /** How long it may take to log in. */
  readonly loginMs: number;
  /** How often a client that idles is told that we are still here. */
  readonly stillHereMs: number;
  readonly maxLineBytes: number;
  /** Of the literals of one command that are kept in memory. */
  readonly maxLiteralBytes: number;
  /** The same before login. */
  readonly maxLiteralBytesBeforeLogin: number;
  /** Commands in a row that were none before the connection is closed; before login, and after. */
  readonly maxErrorsBeforeLogin: number;
  readonly maxErrors: number;
  /** Wrong logins on a connection. */
  readonly maxFailedLogins: number;
}

/** Dovecot's, but for what it does not limit: literals, wrong logins. */
export const defaultImapLimits: ImapLimits = {
  idleMs: 30 * 60_000,
  loginMs: 180_000,
  stillHereMs: 120_000,
  maxLineBytes: 64 * 1024,
  maxLiteralBytes: 1024 * 1024,
  maxLiteralBytesBeforeLogin: 4096,
  maxErrorsBeforeLogin: 3,
  maxErrors: 20,
  maxFailedLogins: 5,
};

export interface ImapContext {
  readonly host: Host;
  readonly log: Log;
  readonly logins: Logins;
  readonly sasl: SaslLogin;
  readonly mailboxes: OpenMailboxes;
  /** Where sessions are entered that have logged in, so that they can be ended with their account. */
  readonly sessions: OpenSessions;
  readonly settings?: Partial<ImapSettings>;
  readonly limits?: Partial<ImapLimits>;
  readonly elsewhere?: OpenImapElsewhere | undefined;
  /** The login that a ticket of this process is for. */
  readonly redeem?: ((ticket: string) => LoggedIn | undefined) | undefined;
  /** TLS, on STARTTLS or at once; without it there is none. */
  readonly tls?: ServerTls | undefined;
}

/** What sessions share. */
export interface ImapServices extends Omit<ImapContext, 'settings' | 'limits'> {
  readonly settings: ImapSettings;
  readonly limits: ImapLimits;
  readonly reading: Reading;
  readonly specialUses: SpecialUses;
}

/** For reading messages. */
export interface Reading {
  readonly reads: FileReads;
  readonly charsets: Charsets;
}

export interface ImapServer {
  /**
   * Takes over an accepted socket, paused or not, of which nothing has been read.
   * @param service what the listener is: on imaps the handshake comes first
   * @param origin where it comes from; as the socket says unless given
   */
  handle(socket: Socket, service?: 'imap' | 'imaps', origin?: Origin): void;
  /** Takes up a session that began in another process. */
  resume(socket: Socket, session: ImapElsewhere): void;
  /** Takes no more sessions, ends those that wait for a command, lets the others finish theirs, and settles when the last one is over. */
  drain(): Promise<void>;
}

export function createImapServer(context: ImapContext): ImapServer {
  const services: ImapServices = {
    ...context,
    settings: { ...defaultImapSettings, ...context.settings },
    limits: { ...defaultImapLimits, ...context.limits },
    reading: { reads: new FileReads(), charsets: new Charsets() },
    specialUses: new SpecialUses(context.settings?.specialUses ?? []),
  };
  const { log, tls } = services;
  const live = new Set<ImapConnection>();
  let drained: (() => void) | undefined;

  const run = (session: ImapConnection): void => {
    live.add(session);
    session
      .run()
      .catch((error: unknown) => log.alert(`imap: ${error instanceof Error ? error.stack : String(error)}`))
      .finally(() => {
        live.delete(session);
        if (live.size === 0) drained?.();
      });
  };

  return {
    handle(socket, service = 'imap', origin = originOf(socket)) {
      // A client that has sent everything may close its side at once and still be answered.
      socket.allowHalfOpen = true;
      socket.on('error', () => {});
      if (origin === undefined || drained !== undefined) return void socket.destroy();
      const client: ClientOfSession = { service, origin };
      if (service === 'imap') return run(new ImapConnection(socket, client, services));
      if (tls === undefined) return void socket.destroy();
      tls.secure(socket).then(
        (secured) => {
          if (drained === undefined) run(new ImapConnection(secured, client, services));
          else secured.destroy();
        },
        (error: unknown) => {
          if (!origin.isHealthCheck) tls.tellFailure(log, `imaps: ${origin.remoteIp ?? 'unix'}`, error);
          socket.destroy();
        },
      );
    },
    resume(socket, { ticket, tag, ...client }) {
      socket.on('error', () => {});
      run(new ImapConnection(socket, client, services, { ticket, tag }));
    },
    drain() {
      const empty = new Promise<void>((resolve) => {
        drained = resolve;
      });
      for (const session of live) session.drain();
      if (live.size === 0) drained?.();
      return empty;
    },
  };
}
