// What qmail-remote says of an attempt, in its words and bytes (formats/qmail.md 7.6), and what qmail-rspawn makes of it for one recipient.
//
//   r\0                                                          the recipient was taken; `h` refused for good, `s` for now, with the reply
//   h192.0.2.1 does not like recipient.\nRemote host said: 550 no\n\0
//   K192.0.2.1 accepted message.\nRemote host said: 250 ok\n\0   the message, last: K taken, Z not now, D never
//
// A message that got as far as the recipients has a report for each; one that did not has its own alone, and that stands for all. Texts are Latin-1; a NUL in a reply
// becomes `?`. Texts that qmail-remote does not have, about TLS, AUTH and what a server does not offer, follow its pattern; so do the numbers at their ends (RFC 3463).

import type { SmtpReply } from '../../protocols/smtp-reply.js';
import type { DeliveryReport } from '../report.js';

export type MessageLetter = 'K' | 'Z' | 'D';
export type RecipientLetter = 'r' | 'h' | 's';

export interface MessageReport {
  readonly letter: MessageLetter;
  readonly text: string;
}
export interface RecipientReport {
  readonly letter: RecipientLetter;
  readonly text: string;
  /** The server may have had enough recipients, and would take this one with another message (RFC 5321 4.5.3.1.10). */
  readonly isOverLimit?: boolean;
}

/** What became of one message for one host. `recipients` has one for each recipient, in order, as far as the session got. */
export interface RemoteResult {
  readonly recipients: readonly RecipientReport[];
  readonly message: MessageReport;
  /** Who was talked to, if anybody. */
  readonly ip?: string;
}

const temporary = (text: string): MessageReport => ({ letter: 'Z', text: `${text}\n` });
const permanent = (text: string): MessageReport => ({ letter: 'D', text: `${text}\n` });

/** The reports that no server has a part in. */
export const fixedReports = {
  noResources: temporary('System resources temporarily unavailable. (#4.3.0)'),
  noConnection: temporary("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)"),
  unreadableMessage: temporary('Unable to read message. (#4.3.0)'),
  noHostForNow: temporary("Sorry, I couldn't find any host by that name. (#4.1.2)"),
  unreadableControls: temporary('Unable to read control files. (#4.3.0)'),
  partialFinalLine: permanent('SMTP cannot transfer messages with partial final lines. (#5.6.2)'),
  invokedImproperly: permanent('I (qmail-remote) was invoked improperly. (#5.3.5)'),
  noExchanger: permanent("Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)"),
  ourselves: permanent(
    "Sorry. Although I'm listed as a best-preference MX or A for that host,\nit isn't in my control/locals file, so I don't treat it as local. (#5.4.6)",
  ),
  noHostName: permanent('Sorry, address must include host name. (#5.1.3)'),
  unopenedMessage: temporary('qmail-spawn unable to open message. (#4.3.0)'),
  wrongType: temporary('Sorry, message has wrong type. (#4.3.5)'),
  wrongOwner: temporary('Sorry, message has wrong owner. (#4.3.5)'),
  lineInAddress: permanent('Sorry, I cannot send an address with a line end or a NUL in it. (#5.1.3)'),
} as const;

export function noSuchHost(host: string): MessageReport {
  return permanent(`Sorry, I couldn't find any host named ${printable(host)}. (#5.1.2)`);
}

function printable(host: string): string {
  return host.replace(/[^\x21-\x7e]/g, '?');
}

/** None of the domain's MX hosts is named by its MTA-STS policy. */
export function noHostOfPolicy(host: string): MessageReport {
  return temporary(`Sorry, no mail exchanger of ${printable(host)} is one of its MTA-STS policy. (#4.7.5)`);
}

/** The connection ended, or nothing came for too long. @param isCritical whether the whole message was on its way */
export function connectionDied(ip: string, isCritical: boolean): MessageReport {
  return temporary(`Connected to ${ip} but connection died. ${isCritical ? 'Possible duplicate! ' : ''}(#4.4.2)`);
}

/** The server said no, or yes at the end: `${before}${ip}${after}.` and its reply. */
export function told(
  letter: MessageLetter,
  before: string,
  ip: string,
  after: string,
  reply?: SmtpReply,
): MessageReport {
  return { letter, text: `${before}${ip}${after}.\n${remoteSaid(reply)}` };
}

/** A refusal of ours in the middle of a session. @param why without a full stop @param status of RFC 3463 */
export function unwilling(letter: MessageLetter, ip: string, why: string, status: string): MessageReport {
  return { letter, text: `Connected to ${ip} but ${why}. (#${status})\n` };
}

/** A recipient that was answered with `reply`. @param isBehindOthers whether one before it was taken */
export function recipientReport(ip: string, reply: SmtpReply, isBehindOthers: boolean): RecipientReport {
  if (reply.code < 400) return { letter: 'r', text: '' };
  return {
    letter: reply.code < 500 ? 's' : 'h',
    text: `${ip} does not like recipient.\n${remoteSaid(reply)}`,
    isOverLimit: isBehindOthers && (reply.code === 452 || reply.code === 552),
  };
}

/** No recipient was taken. The replies stand in their reports. */
export function givingUp(ip: string): MessageReport {
  return { letter: 'D', text: givingUpText(ip) };
}

function givingUpText(ip: string): string {
  return `Giving up on ${ip}.\n`;
}

function remoteSaid(reply: SmtpReply | undefined): string {
  return reply === undefined || reply.text === '' ? '' : `Remote host said: ${reply.text.replaceAll('\0', '?')}`;
}

/** A result without a session, or with one that ended before the recipients. */
export function resultOf(message: MessageReport, ip?: string): RemoteResult {
  return { recipients: [], message, ...(ip === undefined ? {} : { ip }) };
}

/** The bytes that qmail-remote prints, Latin-1. */
export function serializeReports({ recipients, message }: RemoteResult): string {
  return [...recipients, message].map(({ letter, text }) => `${letter}${text}\0`).join('');
}

/**
 * The report for one recipient, as qmail-rspawn gives it when that recipient had a session of its own: who was refused reads that we gave up, whatever became of
 * others that were in the same session.
 */
export function reportOf({ recipients, message, ip }: RemoteResult, index: number): DeliveryReport {
  const recipient = recipients[index];
  if (recipient === undefined || recipient.letter === 'r')
    return { outcome: outcomes[message.letter], text: message.text };
  return { outcome: outcomes[recipient.letter], text: `${recipient.text}${ip === undefined ? '' : givingUpText(ip)}` };
}

const outcomes = { K: 'success', Z: 'deferral', D: 'failure', h: 'failure', s: 'deferral' } as const;
