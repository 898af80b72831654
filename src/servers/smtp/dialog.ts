// Where a session stands: what the client has said so far. A mail transaction is an object of its own that dies at RSET, HELO, a new MAIL and DATA.
//
//   transaction   undefined: MAIL has to come first ("mail seen" of qmail-smtpd)
//   message       defined: the bytes that come in now are message data
//
// Control files are asked anew for every transaction and recipient, so a change is in force at once (qmail-smtpd reads them once a session).

import type { Delivery, Submission } from '../../delivery/accept.js';
import type { Resolution } from '../../delivery/resolution.js';
import { describe, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { lower } from '../../mail/address.js';
import { queueReceivedLine, smtpReceivedLine } from '../../mail/received.js';
import type { Control } from '../../stores/control.js';
import type { Client } from './client.js';
import type { SmtpLimits } from './limits.js';
import type { MessageInput } from './message.js';
import { replies } from './replies.js';

/** What all sessions of a server share. */
export interface DialogContext {
  readonly control: Control;
  readonly delivery: Delivery;
  readonly log: Log;
  readonly limits: SmtpLimits;
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
}

/** A message whose data is coming in. */
export interface OpenMessage {
  readonly qp: number;
  readonly sender: string;
  readonly recipients: number;
  readonly input: MessageInput;
}

export interface Dialog {
  readonly context: DialogContext;
  readonly client: Client;
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
    context.log.alert(`smtp: unable to read controls: ${describe(error)}`);
    throw new SessionEnd(replies.noControls);
  }
}

/**
 * Begins a dialog. Every control file of the session is looked at, so that one that cannot be read ends the session before its greeting.
 * @throws SessionEnd
 */
export function openDialog(context: DialogContext, client: Client): Dialog {
  const { greeting, timeoutMs } = askControls(context, readControls);
  return {
    context,
    client,
    greeting,
    timeoutMs,
    helo: undefined,
    transaction: undefined,
    message: undefined,
    hasQuit: false,
  };
}

function readControls(control: Control): { greeting: string; timeoutMs: number } {
  const greeting = control.smtpGreeting();
  if (greeting === undefined) throw new TemporaryError('4.3.5', 'neither control/smtpgreeting nor control/me is there');
  control.localIpHost();
  control.databytes();
  control.badMailFrom();
  control.isAllowedRecipientDomain('postmaster@localhost');
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
  const { client, helo } = dialog;
  const remoteHost = client.remoteHost ?? 'unknown';
  const serverLine = smtpReceivedLine({
    remoteHost,
    helo: helo !== undefined && lower(helo) !== lower(remoteHost) ? helo : undefined,
    remoteInfo: client.remoteInfo,
    remoteIp: client.remoteIp,
    local: client.local,
    protocol: 'SMTP',
    unixSeconds,
  });
  const invokedBy = 'network';
  const program = queueProgram(dialog);
  return {
    receivedLines: queueReceivedLine({ pid: number, invokedBy, unixSeconds }) + serverLine,
    submission: { invokedBy, number, serverLine, ...(program !== undefined && { program }) },
  };
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
