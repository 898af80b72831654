// The POP3 server: what stands on port 110 in the place of tcpserver, qmail-popup, vchkpw and qmail-pop3d. It is handed accepted sockets; who listens is another's business.
//
// A session (servers/pop3/session.ts) begins with the banner. For an account whose domain belongs to a uid that this process is not, the session goes on in a process of that
// uid: `elsewhere` opens a connection to it, and the bytes are passed on in both directions; the other process takes the session up with `resume`.

import type { Socket } from 'node:net';
import type { LoggedIn } from '../../auth/login.js';
import type { Logins } from '../../auth/logins.js';
import type { SaslLogin } from '../../auth/sasl/sasl-login.js';
import { describe } from '../../errors.js';
import { FileReads } from '../../files/file-reads.js';
import type { Log } from '../../log.js';
import type { Host } from '../../stores/host.js';
import { TransferSizes } from '../../stores/maildir/transfer-sizes.js';
import type { UidlForm } from '../../stores/maildir/uidl.js';
import { OpenSessions } from '../open-sessions.js';
import { type Origin, originOf } from '../origin.js';
import type { ServerTls } from '../server-tls.js';
import type { SharedReading } from './mailbox.js';
import { type ClientOfSession, Pop3Session } from './session.js';

/** A session on its way to another process, which has let its client in and given a ticket for it. */
export interface ElsewhereSession extends ClientOfSession {
  readonly ticket: string;
}

/** Opens a connection to the process of an owner. @throws TemporaryError */
export type OpenElsewhere = (owner: { uid: number; gid: number }, session: ElsewhereSession) => Promise<Socket>;

export interface Pop3Limits {
  /** How long the client may do nothing, in milliseconds. */
  readonly idleMs: number;
  /** How long it may take to log in. */
  readonly loginMs: number;
  readonly maxLineBytes: number;
  /** Commands that were refused in a row before the connection is closed. */
  readonly maxErrors: number;
}

/** qmail-popup and qmail-pop3d both wait 1200 seconds; a client that has not logged in need not be waited for so long. */
export const defaultPop3Limits: Pop3Limits = {
  idleMs: 1_200_000,
  loginMs: 180_000,
  maxLineBytes: 8192,
  maxErrors: 100,
};

export interface Pop3Context {
  readonly host: Host;
  readonly log: Log;
  readonly logins: Logins;
  readonly sasl: SaslLogin;
  /** Where sessions are entered that have logged in, so that they can be ended with their account. */
  readonly sessions?: OpenSessions;
  readonly uidl?: UidlForm;
  readonly limits?: Partial<Pop3Limits>;
  readonly elsewhere?: OpenElsewhere;
  /** The login that a ticket of this process is for. */
  readonly redeem?: (ticket: string) => LoggedIn | undefined;
  /** TLS, on STLS or at once; without it there is none. */
  readonly tls?: ServerTls;
}

export interface Pop3Server {
  /**
   * Takes over an accepted socket, paused or not, of which nothing has been read.
   * @param service what the listener is: on pop3s the handshake comes first
   * @param origin where it comes from; as the socket says unless given
   */
  handle(socket: Socket, service?: 'pop3' | 'pop3s', origin?: Origin): void;
  /** Takes up a session that began in another process. */
  resume(socket: Socket, session: ElsewhereSession): void;
  /** Takes no more sessions, ends those that have nothing to lose, lets the others end by themselves, and settles when the last one is over. */
  drain(): Promise<void>;
}

/** What sessions share. */
export interface SessionContext extends Required<Omit<Pop3Context, 'limits' | 'elsewhere' | 'redeem' | 'tls'>> {
  readonly tls: ServerTls | undefined;
  readonly limits: Pop3Limits;
  readonly reading: SharedReading;
  readonly elsewhere: OpenElsewhere | undefined;
  readonly redeem: Pop3Context['redeem'];
}

export function createPop3Server(context: Pop3Context): Pop3Server {
  const shared: SessionContext = {
    host: context.host,
    log: context.log,
    logins: context.logins,
    sasl: context.sasl,
    sessions: context.sessions ?? new OpenSessions(context.host),
    uidl: context.uidl ?? 'qmail',
    limits: { ...defaultPop3Limits, ...context.limits },
    reading: { sizes: new TransferSizes(), reads: new FileReads(), log: context.log },
    elsewhere: context.elsewhere,
    redeem: context.redeem,
    tls: context.tls,
  };
  const live = new Set<Pop3Session>();
  let drained: (() => void) | undefined;
  let banners = 0;

  const run = (session: Pop3Session): void => {
    live.add(session);
    session
      .run()
      .catch((error: unknown) => {
        context.log.alert(`pop3: ${error instanceof Error ? error.stack : String(error)}`);
      })
      .finally(() => {
        live.delete(session);
        if (live.size === 0) drained?.();
      });
  };

  return {
    handle(socket, service = 'pop3', origin = originOf(socket)) {
      // A client that has sent everything may close its side at once and still be answered.
      socket.allowHalfOpen = true;
      socket.on('error', () => {});
      if (origin?.remoteIp === undefined || drained !== undefined) return void socket.destroy();
      const { remoteIp, localIp, isTlsAtProxy = false } = origin;
      const number = `${process.pid}${String(++banners % 1_000_000).padStart(6, '0')}`;
      const client: ClientOfSession = {
        service,
        origin: { remoteIp, localIp, isTlsAtProxy },
        timestamp: `<${number}.${Math.floor(Date.now() / 1000)}@${hostName(context)}>`,
      };
      if (service === 'pop3') return run(new Pop3Session(socket, client, shared));
      secureAtOnce(context, socket).then(
        (secured) => {
          if (drained === undefined) run(new Pop3Session(secured, client, shared));
          else secured.destroy();
        },
        (error: unknown) => {
          if (!origin.isHealthCheck) context.tls?.tellFailure(context.log, `pop3s: ${remoteIp}`, error);
          socket.destroy();
        },
      );
    },
    resume(socket, { ticket, ...client }) {
      socket.on('error', () => {});
      run(new Pop3Session(socket, client, shared, ticket));
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

async function secureAtOnce({ tls }: Pop3Context, socket: Socket): Promise<Socket> {
  if (tls === undefined) throw new Error('there is no TLS');
  return tls.secure(socket);
}

function hostName({ host, log }: Pop3Context): string {
  try {
    return host.control.me() ?? 'localhost';
  } catch (error) {
    log.warning(`pop3: ${describe(error)}`);
    return 'localhost';
  }
}
