// The SMTP server: what stands on port 25 in the place of tcpserver and qmail-smtpd. It is handed accepted sockets; who listens is another's business.
//
//   a client comes     its name is looked up, when that is wanted; then /etc/tcp/smtp.cdb decides (stores/access-rules)
//   rules: deny        the connection is dropped without a byte, as tcpserver does
//   rules unreadable   421 (tcpserver drops the client), logged
//   controls unreadable 421, as qmail-smtpd does, logged
//   otherwise          the greeting, at once; on smtps behind the TLS handshake
//
// `drain` takes no new sessions, lets those with an open transaction end it, tells the others 421, and ends the rest when most of limits.drainMs has passed. A
// message that is being put on disk is always answered.

import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import type { Delivery } from '../../delivery/accept.js';
import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import { lookUpClientName, type NameResolver, systemResolver } from '../../net/client-name.js';
import { isOwnAddress } from '../../net/own-addresses.js';
import type { TrustedPeers } from '../../net/trusted-peers.js';
import type { Host } from '../../stores/host.js';
import { type Origin, originOf } from '../origin.js';
import { describeTls, type ServerTls, type TlsDescription } from '../server-tls.js';
import { admit, type Flavour } from './admission.js';
import { asksForCertificates, takeCertificate } from './certified.js';
import { type Client, shownClient } from './client.js';
import { SmtpConnection } from './connection.js';
import { announce, type DialogContext, openDialog, SessionEnd } from './dialog.js';
import { defaultLimits, type SmtpLimits } from './limits.js';
import { Probes } from './probes.js';
import { newReplies, replies } from './replies.js';
import type { UserServices } from './submission/user.js';

export interface SmtpSettings {
  /** This host's name in Received lines (tcpserver -l); control/me unless given. */
  readonly localName?: string | undefined;
  /** Whether clients' host names are looked up, for rules by name and Received lines. Off unless set: it takes time, and tcpserver -H is customary. */
  readonly resolveClientNames?: boolean;
}

export interface SmtpContext {
  readonly host: Host;
  readonly delivery: Delivery;
  readonly log: Log;
  readonly settings?: SmtpSettings;
  readonly limits?: Partial<SmtpLimits>;
  /** STARTTLS, and the handshake of smtps; without it there is none. */
  readonly tls?: ServerTls;
  /** Numbers for messages; those of this process unless given. Servers of one process must share them. */
  readonly nextMessageNumber?: () => number;
  /** SMTP unless given. */
  readonly flavour?: Flavour;
  /** Whom XCLIENT and XFORWARD are believed; nobody unless given. */
  readonly frontEnds?: TrustedPeers;
  readonly resolver?: NameResolver;
  /** For those who log in; without it nobody can. */
  readonly users?: Omit<UserServices, 'domain'> | undefined;
}

export interface SmtpServer {
  /**
   * Takes over an accepted socket, paused or not, of which nothing has been read.
   * @param origin where it comes from; as the socket says unless given
   */
  handle(socket: net.Socket, origin?: Origin): void;
  /** Takes no more sessions and settles when the last one is over. */
  drain(): Promise<void>;
  /** Sessions at this moment. */
  readonly sessions: number;
}

const paceCheckMs = 5000;
const lingerMs = 5000;

/** Says a last word to a client whose session does not begin. */
function turnAway(socket: net.Socket, reply: string): void {
  socket.end(`${reply}\r\n`, 'latin1');
  // What the client has sent is read, or the kernel would reset the connection and the reply be lost.
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

export function createSmtpServer(context: SmtpContext): SmtpServer {
  return new MailServer(context);
}

class MailServer extends SMTPServer implements SmtpServer {
  readonly #context: SmtpContext;
  readonly #dialogContext: DialogContext;
  readonly #flavour: Flavour;
  readonly #resolver: NameResolver | undefined;
  readonly #live = new Set<SmtpConnection>();
  readonly #paceTimer: NodeJS.Timeout;
  #drained: Promise<void> | undefined;
  #whenEmpty: () => void = () => {};

  constructor(context: SmtpContext) {
    super({ logger: false, disabledCommands: ['STARTTLS', 'AUTH'], disableReverseLookup: true });
    const { host, delivery, log, settings, limits, flavour = 'smtp' } = context;
    this.#context = context;
    this.#flavour = flavour;
    const admission = { host, log, flavour, localName: settings?.localName };
    this.#resolver = settings?.resolveClientNames ? (context.resolver ?? systemResolver()) : undefined;
    this.#dialogContext = {
      control: host.control,
      delivery,
      log,
      limits: { ...defaultLimits, ...limits },
      flavour,
      tls: context.tls,
      probes: new Probes(log, flavour),
      users: context.users && { ...context.users, domain: (name) => host.domain(name) },
      admit: (origin, visitor) => admit(admission, origin, visitor),
      nextMessageNumber: context.nextMessageNumber ?? messageNumbers(process.pid),
      isOwnAddress,
      diskPath: (path) => (path.startsWith('/') ? host.layout.disk(path) : path),
      qmailPath: (path) => host.layout.qmailProgram(path),
    };
    const checkMs = Math.min(paceCheckMs, this.#dialogContext.limits.dataWindowMs / 4);
    this.#paceTimer = setInterval(() => this.#checkPace(), checkMs).unref();
  }

  get sessions(): number {
    return this.#live.size;
  }

  handle(socket: net.Socket, origin = originOf(socket)): void {
    // A client that has sent everything may close its side at once and still be answered.
    socket.allowHalfOpen = true;
    socket.on('error', () => {});
    this.#begin(socket, origin).catch((error: unknown) => {
      this.#context.log.alert(`${this.#flavour}: ${error instanceof Error ? error.stack : String(error)}`);
      this.#turnAwayUnsecured(socket, replies.noControls);
    });
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const connection of this.#live) connection.drain();
    this.#tellWhenEmpty();
    const deadline = setTimeout(() => {
      for (const connection of this.#live) connection.shutDown();
    }, this.#dialogContext.limits.drainMs * 0.8);
    await empty;
    clearTimeout(deadline);
    clearInterval(this.#paceTimer);
    this.#dialogContext.probes.report();
  }

  async #begin(socket: net.Socket, origin: Origin | undefined): Promise<void> {
    // Gone already: a port scan.
    if (origin === undefined) return void socket.destroy();
    const { remoteIp } = origin;
    const isNameless = this.#resolver === undefined || remoteIp === undefined;
    const name = isNameless ? undefined : await lookUpClientName(remoteIp, this.#resolver);
    const client = this.#admit(socket, origin, name);
    if (client === undefined || socket.destroyed) return;
    const secured = this.#flavour === 'smtps' ? await this.#secure(socket, client, origin) : undefined;
    const stream = secured ?? socket;
    if (stream.destroyed) return;
    if (this.#drained !== undefined) return turnAway(stream, newReplies.shuttingDown);
    try {
      this.#converse(stream, client, origin, secured && describeTls(secured));
    } catch (error) {
      if (!(error instanceof SessionEnd)) throw error;
      turnAway(stream, error.reply);
    }
  }

  /** The TLS handshake of smtps. Gives nothing when it failed, which has been logged. */
  async #secure(socket: net.Socket, client: Client, origin: Origin): Promise<TLSSocket | undefined> {
    try {
      return await this.#dialogContext.tls?.secure(socket, asksForCertificates(this.#dialogContext));
    } catch (error) {
      const about = `${this.#flavour}: ${shownClient(client)}`;
      if (!origin.isHealthCheck) this.#dialogContext.tls?.tellFailure(this.#context.log, about, error);
      return undefined;
    }
  }

  /** Asks the access rules. Gives nothing when the client has been dropped or turned away. */
  #admit(socket: net.Socket, origin: Origin, name: string | undefined): Client | undefined {
    try {
      const client = this.#dialogContext.admit(origin, { name, via: origin.proxyIp });
      if (client === undefined) socket.destroy();
      return client;
    } catch (error) {
      this.#context.log.alert(`${this.#flavour}: turned away ${origin.remoteIp ?? 'unix'}: ${describe(error)}`);
      this.#turnAwayUnsecured(socket, replies.noControls);
    }
    return undefined;
  }

  #converse(socket: net.Socket, client: Client, origin: Origin, tls: TlsDescription | undefined): void {
    const speaksForOthers = this.#context.frontEnds?.includes(origin.remoteIp) ?? false;
    const dialog = openDialog(this.#dialogContext, client, { origin, speaksForOthers, tls });
    takeCertificate(dialog, tls?.clientCertificate());
    const isNoNews = origin.isHealthCheck || this.#dialogContext.probes.isKnown(client.address);
    if (!isNoNews) announce(dialog);
    const connection = new SmtpConnection(this, socket, dialog, client.address);
    this.#live.add(connection);
    this.connections.add(connection);
    connection.onClosed = () => {
      this.#live.delete(connection);
      this.#tellWhenEmpty();
    };
    connection.init();
  }

  /** A client of smtps that waits for a handshake could not read a word. */
  #turnAwayUnsecured(socket: net.Socket, reply: string): void {
    if (this.#flavour === 'smtps') socket.destroy();
    else turnAway(socket, reply);
  }

  #checkPace(): void {
    const now = Date.now();
    for (const connection of this.#live) connection.checkPace(now);
  }

  #tellWhenEmpty(): void {
    if (this.#live.size === 0) this.#whenEmpty();
  }
}

/**
 * Numbers for messages: the first is the process id, as a qmail-queue's would be, the following ones have it in their last seven digits, so no two processes of
 * a host give the same one.
 */
export function messageNumbers(pid: number): () => number {
  let taken = 0;
  return () => taken++ * 10_000_000 + pid;
}
