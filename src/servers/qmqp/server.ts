// The QMQP server, qmail-qmqpd's role (formats/qmail.md 2.8): queue hosts take whole messages from hosts that keep none. One message for each connection; every recipient goes to the
// queue. It is handed accepted sockets; who listens is another's business.
//
// QMQP lets in everything that is sent, so who may connect matters:
//
//   over TCP     /etc/tcp/qmqp.cdb decides, as with tcpserver -x; where there is none, clients of this machine and those whom /etc/tcp/smtp.cdb lets relay
//   at a path    whoever the mode of the socket lets in; the Received line names the uid
//
// A rule's QMAILQUEUE and TCP variables count as for SMTP. A request that breaks the rules is not answered, and nothing of it stays.

import type { Socket } from 'node:net';
import { describe } from '../../errors.js';
import { ucspiAddress } from '../../formats/ucspi-address.js';
import type { Log } from '../../log.js';
import type { Enqueuer } from '../../queue/enqueue/enqueuer.js';
import type { Host } from '../../stores/host.js';
import { type QmqpClient, type QmqpLimits, receiveMessage } from './session.js';

export interface QmqpContext {
  readonly host: Host;
  readonly log: Log;
  /** This host's queue; undefined when it has none at the moment. */
  readonly queue: () => Enqueuer | undefined;
  /** The program in the place of qmail-queue that a rule names. */
  readonly program: (path: string, environment: Readonly<Record<string, string>>) => Enqueuer;
  /** Who is at the other end of a unix socket; undefined for one of the network. */
  readonly peerOf: (socket: Socket) => { readonly uid: number } | undefined;
  /** This host's name in Received lines; control/me unless given. */
  readonly localName?: string | undefined;
  readonly limits?: Partial<QmqpLimits>;
}

export interface QmqpServer {
  /** Takes over an accepted socket, paused or not, of which nothing has been read. */
  handle(socket: Socket): void;
  /** Takes no more connections and settles when all are closed. */
  drain(): Promise<void>;
}

/** As long as qmail-qmqpd gives a message, and how long a client may be silent meanwhile. */
const usualLimits: QmqpLimits = { messageMs: 3_600_000, idleMs: 300_000 };

export function createQmqpServer(context: QmqpContext): QmqpServer {
  const live = new Set<Socket>();
  let whenEmpty: (() => void) | undefined;
  const limits = { ...usualLimits, ...context.limits };

  return {
    handle(socket) {
      socket.on('error', () => {});
      // A client that has sent everything may close its side at once and still be answered.
      socket.allowHalfOpen = true;
      const client = whenEmpty === undefined ? admit(context, socket) : undefined;
      if (client === undefined) return void socket.destroy();
      live.add(socket);
      socket.once('close', () => {
        live.delete(socket);
        if (live.size === 0) whenEmpty?.();
      });
      void receiveMessage(socket, client, { ...context, limits });
    },
    drain() {
      return new Promise((resolve) => {
        whenEmpty = resolve;
        if (live.size === 0) resolve();
      });
    },
  };
}

/** Who the client is; undefined for one that is turned away. */
function admit(context: QmqpContext, socket: Socket): QmqpClient | undefined {
  const { host, log, peerOf } = context;
  const local = context.localName ?? host.control.me() ?? 'unknown';
  const none = new Map<string, string>();
  const peer = peerOf(socket);
  if (peer !== undefined)
    return {
      shown: `uid ${peer.uid}`,
      uid: peer.uid,
      remoteIp: 'unix',
      remoteHost: 'localhost',
      local,
      environment: none,
    };
  if (socket.remoteAddress === undefined) return undefined;
  const address = ucspiAddress(socket.remoteAddress);
  try {
    const decided = decide(host, address);
    if (decided !== undefined) {
      const { environment } = decided;
      return {
        shown: address,
        uid: undefined,
        remoteIp: environment.get('TCPREMOTEIP') ?? address,
        remoteHost: environment.get('TCPREMOTEHOST'),
        remoteInfo: environment.get('TCPREMOTEINFO'),
        local: environment.get('TCPLOCALHOST') ?? local,
        environment,
      };
    }
    log.info(`qmqp: deny ${address}`);
  } catch (error) {
    log.alert(`qmqp: turned away ${address}: ${describe(error)}`);
  }
  return undefined;
}

/** What the rules say; undefined: the client may not. @throws TemporaryError or CorruptFileError when they cannot be read */
function decide(host: Host, ip: string): { readonly environment: ReadonlyMap<string, string> } | undefined {
  const own = host.qmqpRules.decideIfAny({ ip });
  if (own !== undefined) return own.allow ? own : undefined;
  const smtp = host.accessRules.decide({ ip });
  const environment = new Map([...smtp.environment].filter(([name]) => name.startsWith('TCP')));
  const mayRelay = smtp.allow && smtp.environment.has('RELAYCLIENT');
  return mayRelay || ip.startsWith('127.') || ip === '::1' ? { environment } : undefined;
}
