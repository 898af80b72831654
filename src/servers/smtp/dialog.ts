// Where a session stands: what the client has said so far. A mail transaction is an object of its own that dies at RSET, HELO, a new MAIL and DATA.
//
//   transaction   undefined: MAIL has to come first ("mail seen" of qmail-smtpd)
//   message       defined: the bytes that come in now are message data
//
// Control files are asked anew for every transaction and recipient, so a change is in force at once (qmail-smtpd reads them once a session).

import type { Delivery, Submission } from '../../delivery/accept.js';
import type { Resolution } from '../../delivery/resolution/resolution.js';
import { CorruptFileError, describe, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { lower } from '../../mail/address.js';
import { queueReceivedLine, type SmtpTrace, smtpReceivedLine, type TransferProtocol } from '../../mail/received.js';
import type { ClientAttributes } from '../../protocols/xclient.js';
import type { Control } from '../../stores/control.js';
import type { Origin } from '../origin.js';
import type { ServerTls, TlsDescription } from '../server-tls.js';
import type { Flavour, Visitor } from './admission.js';
import { type Client, shownClient } from './client.js';
import type { SmtpLimits } from './limits.js';
import type { MessageInput } from './message.js';
import type { Probes } from './probes.js';
import { replies } from './replies.js';
import type { OpenExchange } from './submission/authentication.js';
import type { SessionUser, UserServices } from './submission/user.js';

/** What all sessions of a server share. */
export interface DialogContext {
  readonly control: Control;
  readonly delivery: Delivery;
  readonly log: Log;
  readonly limits: SmtpLimits;
  readonly flavour: Flavour;
  /** What STARTTLS does; undefined: there is none. */
  readonly tls?: ServerTls | undefined;
  readonly probes: Probes;
  /** For those who log in; undefined: nobody can. */
  readonly users?: UserServices | undefined;
  /** Describes the client that a front end speaks for; undefined: it may not in. @throws TemporaryError, CorruptFileError */
  admit(origin: Origin, visitor: Visitor): Client | undefined;
  /** A number that no other message of this host has at this moment: `qp` in the reply and in the Received line. */
  nextMessageNumber(): number;
  /** Whether a dotted IPv4 address is one of this host's. */
  isOwnAddress(ip: string): boolean;
  /** The disk path of an absolute host path; a relative one stays. */
  diskPath(path: string): string;
  /** A disk path that may be relative to qmail's home. */
  qmailPath(path: string): string;
}

export interface Transaction {
  readonly sender: string;
  /** The sender is in badmailfrom: told at each RCPT. */
  readonly isBadSender: boolean;
  readonly declaredSizeBytes: number | undefined;
  readonly recipients: Resolution[];
  /** How many recipients were asked for. */
  asked: number;
  /** Log lines about refused recipients, held back while this may be a probe; undefined when it is none. */
  readonly heldBack: string[] | undefined;
  /** How many recipients a user may still send to now. */
  readonly recipientsLeft: number;
}

/** A message whose data is coming in. */
export interface OpenMessage {
  readonly qp: number;
  readonly sender: string;
  /** Each with the part of the message that it is in. */
  readonly recipients: readonly { readonly address: string; readonly part: number }[];
  readonly input: MessageInput;
}

export interface Dialog {
  readonly context: DialogContext;
  client: Client;
  /** Where the connection comes from, or the client that a front end speaks for. */
  origin: Origin;
  /** Whether the other side is believed when it names the client (XCLIENT, XFORWARD). */
  readonly speaksForOthers: boolean;
  /** How the connection is secured; undefined while it is in clear. */
  tls: TlsDescription | undefined;
  /** STARTTLS has been agreed to: the handshake comes next. */
  isStartingTls: boolean;
  /** Who sends, having logged in here or at a front end. */
  user: SessionUser | undefined;
  /** An exchange of AUTH: the client's next line is its answer. */
  exchange: OpenExchange | undefined;
  /** Ends the session soon, because its user may not go on. */
  dismiss: () => void;
  /** What XFORWARD has said of the next message's client: for the log. */
  forwarded: ClientAttributes | undefined;
  /** The HELO word that XCLIENT has given, which the front end's own does not replace. */
  givenHelo: string | undefined;
  /** Whether the log knows of this session. */
  isAnnounced: boolean;
  /** What control/smtpgreeting said when the session began. */
  readonly greeting: string;
  /** The longest silence of the client that is put up with. */
  readonly timeoutMs: number;
  /** The word given to the last HELO or EHLO, possibly empty. */
  helo: string | undefined;
  transaction: Transaction | undefined;
  message: OpenMessage | undefined;
  /** The client has said QUIT. */
  hasQuit: boolean;
}

/** Thrown by a command after which nothing more can be said: `reply` is the last one. */
export class SessionEnd extends Error {
  readonly reply: string;
  constructor(reply: string) {
    super(reply);
    this.reply = reply;
  }
}

/** Asks the control files. When they cannot be read, that is logged and the session ends with 421, as qmail-smtpd's does. */
export function askControls<T>(context: DialogContext, ask: (control: Control) => T): T {
  try {
    return ask(context.control);
  } catch (error) {
    context.log.alert(`${context.flavour}: unable to read controls: ${describe(error)}`);
    throw new SessionEnd(replies.noControls);
  }
}

const unknownOrigin: Origin = {
  remoteIp: undefined,
  remotePort: undefined,
  localIp: undefined,
  localPort: undefined,
};

/** What a dialog knows of its connection: where it comes from, whether the other side may name the client, whether TLS came first. */
export type ConnectionOfDialog = Pick<Dialog, 'origin' | 'speaksForOthers' | 'tls'>;

const unknownConnection: ConnectionOfDialog = { origin: unknownOrigin, speaksForOthers: false, tls: undefined };

/**
 * Begins a dialog. Every control file of the session is looked at, so that one that cannot be read ends the session before its greeting.
 * @throws SessionEnd
 */
export function openDialog(
  context: DialogContext,
  client: Client,
  connection: ConnectionOfDialog = unknownConnection,
): Dialog {
  const { greeting, timeoutMs } = askControls(context, readControls);
  return {
    context,
    client,
    ...connection,
    isStartingTls: false,
    user: undefined,
    exchange: undefined,
    dismiss: () => {},
    forwarded: undefined,
    givenHelo: undefined,
    isAnnounced: false,
    greeting,
    timeoutMs,
    helo: undefined,
    transaction: undefined,
    message: undefined,
    hasQuit: false,
  };
}

/** Tells the log of the session, once. */
export function announce(dialog: Dialog): void {
  if (dialog.isAnnounced) return;
  dialog.isAnnounced = true;
  const { client, context } = dialog;
  const name = client.remoteHost === undefined ? '' : ` ${client.remoteHost}`;
  context.log.info(`${context.flavour}: connection from ${shownClient(client)}${name}`);
}

/** Ends the transaction, if there is one: without a message it was a probe, or nothing. */
export function endTransaction(dialog: Dialog): void {
  const { client, context, transaction } = dialog;
  dialog.transaction = undefined;
  if (transaction?.heldBack === undefined || transaction.asked === 0) return;
  context.probes.add(client.address, transaction.heldBack.length > 0);
}

/** The client for log lines, and for whom it speaks: `127.0.0.1 for 192.0.2.9 spike.example.org ident 4XyzQueueId`. */
export function whose({ client, forwarded }: Dialog): string {
  if (forwarded === undefined) return shownClient(client);
  const [address, name, ident] = ['ADDR', 'NAME', 'IDENT'].map((attribute) => forwarded.get(attribute));
  const others = [address ?? 'unknown', name, ident === undefined ? undefined : `ident ${ident}`];
  return `${shownClient(client)} for ${others.filter((text) => text !== undefined).join(' ')}`;
}

function readControls(control: Control): { greeting: string; timeoutMs: number } {
  const greeting = control.smtpGreeting();
  if (greeting === undefined) throw new TemporaryError('4.3.5', 'neither control/smtpgreeting nor control/me is there');
  control.localIpHost();
  control.databytes();
  control.badMailFrom();
  try {
    control.isAllowedRecipientDomain('postmaster@localhost');
  } catch (error) {
    // A broken morercpthosts.cdb is in the way of the recipients that are looked up in it, not of those in rcpthosts.
    if (!(error instanceof CorruptFileError)) throw error;
  }
  return { greeting, timeoutMs: control.timeoutSmtpdSeconds() * 1000 };
}

/** The greatest message this client may send, in bytes as stored; 0 for any size. */
export function sizeLimit({ client, context }: Dialog): number {
  return client.databytes ?? askControls(context, (control) => control.databytes());
}

/** The trace of a message that this client sends now: its two Received lines, and what the queue has to know of it. */
export function traceOf(
  dialog: Dialog,
  number: number,
  unixSeconds: number,
): { readonly receivedLines: string; readonly submission: Submission } {
  const { client } = dialog;
  const serverLine = smtpReceivedLine({
    ...shownOrigin(dialog),
    remoteInfo: client.remoteInfo,
    local: client.local,
    protocol: protocolOf(dialog),
    tls: dialog.tls,
    certificate: client.certificate,
    unixSeconds,
  });
  const invokedBy = 'network';
  const program = queueProgram(dialog);
  return {
    receivedLines: queueReceivedLine({ pid: number, invokedBy, unixSeconds }) + serverLine,
    submission: { invokedBy, number, serverLine, ...(program !== undefined && { program }) },
  };
}

/** Where the Received line says that a message is from. Of a user it may be kept quiet: home addresses and the names of people's machines are nobody's business. */
function shownOrigin({ client, helo, user }: Dialog): Pick<SmtpTrace, 'remoteHost' | 'helo' | 'remoteIp'> {
  const remoteHost = client.remoteHost ?? 'unknown';
  if (user?.services.policy.hidesClient) return { remoteHost: 'unknown', remoteIp: 'unknown' };
  const isToldTwice = helo === undefined || lower(helo) === lower(remoteHost);
  return { remoteHost, helo: isToldTwice ? undefined : helo, remoteIp: client.remoteIp };
}

/** Whether nobody can listen, here or between the client and a proxy that ends TLS for us. */
export function isSecure({ tls, origin }: Dialog): boolean {
  return tls !== undefined || origin.isTlsAtProxy === true;
}

/** RFC 3848. Without TLS and login it is qmail's word, whether the client said EHLO or HELO. */
function protocolOf(dialog: Dialog): TransferProtocol {
  const hasLogin = dialog.client.login !== undefined;
  if (dialog.context.flavour === 'lmtp') {
    if (isSecure(dialog)) return hasLogin ? 'LMTPSA' : 'LMTPS';
    return hasLogin ? 'LMTPA' : 'LMTP';
  }
  if (isSecure(dialog)) return hasLogin ? 'ESMTPSA' : 'ESMTPS';
  return hasLogin ? 'ESMTPA' : 'SMTP';
}

/** Whether a recipient that needs a queue can be taken. */
export function hasQueue({ client, context }: Dialog): boolean {
  return client.environment.has('QMAILQUEUE') || (context.delivery.hasQueue?.() ?? false);
}

/** The program that a rule, or the environment of the server, puts in the place of qmail-queue. It sees what it would see behind tcpserver. */
function queueProgram({ client, context }: Dialog): Submission['program'] {
  const rule = client.environment.get('QMAILQUEUE');
  const path = rule === undefined ? process.env.QMAILQUEUE : context.diskPath(rule);
  if (path === undefined || path === '') return undefined;
  const { remoteIp, remoteHost, remoteInfo, local } = client;
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const environment = {
    ...Object.fromEntries(inherited),
    PROTO: 'TCP',
    TCPREMOTEIP: remoteIp,
    TCPLOCALHOST: local,
    ...(remoteHost !== undefined && { TCPREMOTEHOST: remoteHost }),
    ...(remoteInfo !== undefined && { TCPREMOTEINFO: remoteInfo }),
    ...Object.fromEntries(client.environment),
  };
  return { path: context.qmailPath(path), environment };
}
