// The servers of one process: the host opened once, a delivery, and a server for each protocol. Sockets are handed in by whoever accepted them: this process itself
// (one process for everything), or the supervisor.

import fs from 'node:fs';
import type { Socket } from 'node:net';
import { RelayLogins, RelayOpener } from '../admin/relay.js';
import { HashSuccessors, type Succession } from '../auth/rehash/successors.js';
import { LoginTickets } from '../auth/tickets.js';
import type { Delivery } from '../delivery/accept.js';
import { createDelivery } from '../delivery/local-delivery.js';
import { describe } from '../errors.js';
import { Layout } from '../layout.js';
import { type Log, silentLog } from '../log.js';
import { TrustedPeers } from '../net/trusted-peers.js';
import { deliveryWithQueue } from '../queue/delivery-with-queue.js';
import type { Enqueuer } from '../queue/enqueue/enqueuer.js';
import { socketEnqueuer, systemMailboxes } from '../queue/enqueue/over-socket.js';
import { queueWays } from '../queue/enqueue/ways.js';
import { createAuthServer } from '../servers/auth-socket/server.js';
import { createImapServer, type ImapServer } from '../servers/imap/server.js';
import { createLmtpServer } from '../servers/lmtp/server.js';
import { OpenSessions } from '../servers/open-sessions.js';
import { type BelongTo, type MoveTo, type Origin, originOf } from '../servers/origin.js';
import { createPop3Server, type Pop3Server } from '../servers/pop3/server.js';
import { createPostmapServer } from '../servers/postmap/server.js';
import { originBehindProxy } from '../servers/proxied.js';
import { createQmqpServer } from '../servers/qmqp/server.js';
import { createServerTls, newTicketKeys, type ServerTls, secureContextOptions } from '../servers/server-tls.js';
import { createSmtpServer, messageNumbers } from '../servers/smtp/server.js';
import { hasRateLimits, type UserRates } from '../servers/smtp/submission/user-rates.js';
import { nextHopTo, type ServedAddress, type ServedProtocol, type Settings } from '../settings.js';
import { Certificates } from '../stores/certificates/certificates.js';
import { type CertificateSource, ownSource } from '../stores/certificates/source.js';
import { type Host, openHost } from '../stores/host.js';
import { OpenMailboxes } from '../stores/mailboxes/open-mailboxes.js';
import type { Agents } from './agents/agents.js';
import {
  deliveryByOwner,
  imapByOwner,
  loginByOwner,
  pop3ByOwner,
  sessionsByOwner,
  userByOwner,
} from './agents/by-owner.js';
import type { Announce } from './login/rehash.js';
import { type LoginServices, openLogins, type SharedLogins } from './login/services.js';
import { peerOf } from './peer.js';

/** Protocols whose clients may come through a proxy. */
const mayBeProxied: readonly ServedProtocol[] = [
  'smtp',
  'submission',
  'smtps',
  'lmtp',
  'pop3',
  'pop3s',
  'imap',
  'imaps',
];

/** Who is behind a proxy, counted as that. @throws Error when that cannot be told, or when there are too many of that client already */
async function clientBehindProxy(socket: Socket, proxy: Origin): Promise<Origin> {
  socket.on('error', () => {});
  const origin = await originBehindProxy(socket, proxy);
  if (origin.isHealthCheck || origin.remoteIp === undefined) return origin;
  const refused = await origin.moveTo?.(origin.remoteIp);
  if (refused !== undefined) throw new Error(`too many connections of ${origin.remoteIp}`);
  return origin;
}

/** How a connection came to this process. */
export interface Arrival {
  /** Through a unix socket, so that it has no addresses. */
  readonly isUnix: boolean;
  /** Counts it among the sessions of another address. */
  readonly moveTo: MoveTo;
  /** Counts it among the sessions of a user besides. */
  readonly belongTo: BelongTo;
}

export interface Service {
  readonly host: Host;
  readonly delivery: Delivery;
  readonly pop3: Pop3Server;
  readonly imap: ImapServer;
  /** The login check, and SASL. */
  readonly logins: LoginServices;
  /** For sessions that another process passes on to this one. */
  readonly tickets: LoginTickets;
  /** Is told that hashes get others with the same passwords. */
  rehashed(successions: readonly Succession[]): void;
  /** Those that have logged in. */
  readonly sessions: OpenSessions;
  /** Is told where the daemon listens, with the ports that were picked. */
  listening(addresses: readonly ServedAddress[]): void;
  /** Takes over an accepted socket of which nothing has been read. */
  handle(socket: Socket, protocol: ServedProtocol, arrival: Arrival): void;
  /** Begins no session any more and resolves when the last one has ended, at the latest after `ms`. */
  drain(ms: number): Promise<void>;
}

/** What other processes do for this one; what is left out it does itself, as far as it may. */
export interface Helpers {
  /** The processes of other uids. */
  readonly agents?: Agents;
  /** Lets a client relay that has logged in. Never rejects. */
  readonly openRelay?: (clientIp: string) => Promise<void>;
  /** What processes have in common about logins; without it this one checks what another has let pass. */
  readonly logins?: SharedLogins;
  /** Tells all processes that hashes get others with the same passwords. */
  readonly announce?: Announce;
  /** The files of certificates; this process's own view of them unless given. */
  readonly certificates?: CertificateSource;
  /** What users have sent; not counted unless given. */
  readonly rates?: UserRates;
  /** Those of TLS session tickets; this process's own unless given. */
  readonly ticketKeys?: string;
  /** The queue, where it is in this process; without this, the one that is reached at its socket. */
  readonly queue?: () => Enqueuer | undefined;
}

/** The queue process's queue. When that has gone the socket stays, and messages are put off. */
function queueAtSocket(path: string): () => Enqueuer | undefined {
  const enqueuer = socketEnqueuer(path);
  return () => (fs.existsSync(path) ? enqueuer : undefined);
}

/** @param elsewhere opens the relay, where another process does that: it is asked if there is something to do */
function relayOpening(
  { popBeforeSmtp }: Settings,
  host: Host,
  elsewhere: Helpers['openRelay'],
): Helpers['openRelay'] | undefined {
  if (popBeforeSmtp === 'off') return undefined;
  const options = { makesTable: popBeforeSmtp === 'on' };
  if (elsewhere === undefined) {
    const opener = new RelayOpener(host, options);
    return (clientIp) => opener.open(clientIp);
  }
  const logins = new RelayLogins(host.layout, options);
  return async (clientIp) => {
    if (logins.wanted(clientIp) !== 'nothing') await elsewhere(clientIp);
  };
}

/** Certificates are told of by whoever watches them (processes/certificates/care.ts): once, and not by every process that meets them. */
function serverTls(settings: Settings, { layout }: Host, helpers: Helpers): ServerTls {
  const { tlsCertificates: files, tlsOldClients } = settings;
  const { certificates: source = ownSource, ticketKeys = newTicketKeys() } = helpers;
  const options = { ...secureContextOptions(tlsOldClients), ticketKeys: Buffer.from(ticketKeys, 'base64') };
  return createServerTls(new Certificates({ layout, log: silentLog, files, options, source }));
}

/** Starts serving in this process. */
export function startService(settings: Settings, log: Log, helpers: Helpers = {}): Service {
  const { agents, openRelay, queue } = helpers;
  const { defaultDomain } = settings;
  const host = openHost(new Layout(settings.layout), log, { repairIndexes: true, defaultDomain });
  const local = createDelivery(host, settings);
  const ownQueue = queue ?? queueAtSocket(host.layout.queueSocket);
  const ways = queueWays(host, ownQueue);
  const direct =
    agents === undefined ? local : deliveryByOwner(local, agents, systemMailboxes(host.layout.queueSocket));
  const delivery = deliveryWithQueue(direct, ways, log);
  const frontEnds = new TrustedPeers(settings.xclientFrom);
  const proxies = new TrustedPeers(settings.proxyFrom);
  const tls = serverTls(settings, host, helpers);
  const successors = new HashSuccessors();
  const sessions = new OpenSessions(host, successors);
  const relay = relayOpening(settings, host, openRelay);
  const elsewhere = agents === undefined ? undefined : loginByOwner(agents);
  const { logins: shared, announce } = helpers;
  const logins = openLogins(settings, host, successors, { shared, openRelay: relay, elsewhere, announce });
  const smtpContext = {
    host,
    delivery,
    log,
    tls,
    nextMessageNumber: messageNumbers(process.pid),
    settings: { localName: settings.localName, resolveClientNames: settings.resolveClientNames },
    limits: { drainMs: settings.drainMs },
    frontEnds,
    users: {
      sasl: logins.sasl,
      sessions,
      sessionsElsewhere: agents === undefined ? undefined : sessionsByOwner(agents),
      policy: settings.submission,
      rates: hasRateLimits(settings.submission) ? helpers.rates : undefined,
    },
  };
  const smtp = createSmtpServer(smtpContext);
  const submission = createSmtpServer({ ...smtpContext, flavour: 'submission' });
  const smtps = createSmtpServer({ ...smtpContext, flavour: 'smtps' });
  const lmtp = createLmtpServer(smtpContext);
  const tickets = new LoginTickets(successors);
  const pop3 = createPop3Server({
    host,
    log,
    sessions,
    ...logins,
    redeem: (ticket) => tickets.redeem(ticket),
    uidl: settings.uidl,
    tls,
    ...(agents !== undefined && { elsewhere: pop3ByOwner(agents) }),
  });
  const imap = createImapServer({
    host,
    log,
    sessions,
    ...logins,
    mailboxes: new OpenMailboxes({ log, hasCache: settings.imap.hasCache }),
    settings: settings.imap,
    redeem: (ticket) => tickets.redeem(ticket),
    tls,
    elsewhere: agents === undefined ? undefined : imapByOwner(agents),
  });
  const userElsewhere = agents === undefined ? undefined : userByOwner(agents);
  const auth = createAuthServer({ host, sasl: logins.sasl, log, elsewhere: userElsewhere });
  let listeners = settings.listen;
  const postmap = createPostmapServer({
    host,
    delivery,
    log,
    nextHop: () => nextHopTo(listeners, settings.postmapTransport),
  });
  const qmqp = createQmqpServer({
    host,
    log,
    queue: ownQueue,
    program: (path, environment) => ways.program({ path, environment }),
    peerOf,
    localName: settings.localName,
  });
  const servers = { smtp, submission, smtps, lmtp, pop3, imap, auth, postmap, qmqp };
  const begin = (socket: Socket, protocol: ServedProtocol, origin: Origin): void => {
    if (protocol === 'pop3' || protocol === 'pop3s') pop3.handle(socket, protocol, origin);
    else if (protocol === 'imap' || protocol === 'imaps') imap.handle(socket, protocol, origin);
    else servers[protocol].handle(socket, origin);
  };
  return {
    host,
    delivery,
    pop3,
    imap,
    logins,
    tickets,
    rehashed: (successions) => successors.note(successions),
    sessions,
    listening(addresses) {
      listeners = addresses;
    },
    handle(socket, protocol, { isUnix, moveTo, belongTo }) {
      const origin = originOf(socket, isUnix, { moveTo, belongTo });
      if (origin === undefined) socket.destroy();
      else if (!mayBeProxied.includes(protocol) || !proxies.includes(origin.remoteIp)) begin(socket, protocol, origin);
      else
        clientBehindProxy(socket, origin).then(
          (client) => begin(socket, protocol, client),
          (error: unknown) => {
            log.warning(`${protocol}: proxy ${origin.remoteIp ?? 'unix'}: ${describe(error)}`);
            socket.destroy();
          },
        );
    },
    async drain(ms) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      await Promise.race([Promise.all(Object.values(servers).map((server) => server.drain())), late]);
      clearTimeout(timer);
    },
  };
}
