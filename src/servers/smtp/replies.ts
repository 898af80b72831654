// What the SMTP server says. One place, because administrators grep for these words and scripts compare them (formats/qmail.md 2.4).
//
// Replies that qmail-smtpd has are given byte for byte, with their enhanced code behind the words, `(#5.7.1)`, after EHLO as after HELO. Replies that qmail
// does not have (a recipient refused at once, a limit; not why a message could not be queued) carry the code in front, `550 5.1.1 ...`, as RFC 2034 wants it. Both at once is on purpose:
// EHLO offers ENHANCEDSTATUSCODES so that clients look for codes in front, and RFC 2034 clients fall back on the three digits where none is (Postfix, Exim and
// sendmail do). Putting codes before `250 ok` would break what decades of qmail have taught people to search for.
//
// SMTPUTF8 is offered because the path to the mailbox bears it: addresses and headers are bytes all the way into the Maildir. An account itself cannot have an 8-bit
// name, so such a recipient is refused as unknown.
//
// A text is one line without control characters: texts may come from a domain's files (.no-user.msg) or hold what a client sent.

import { describe, PermanentError, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { isQueueError } from '../../queue/enqueue/exit-codes.js';

/** qmail-smtpd's own, word for word. */
export const replies = {
  ok: '250 ok',
  flushed: '250 flushed',
  goAhead: '354 go ahead',
  verify: "252 send some mail, i'll try my best",
  readyForTls: '220 ready for tls',
  noTls: '454 TLS not available (#4.3.0)',
  tlsArgument: '501 syntax error: STARTTLS has no parameters (#5.5.4)',
  help: '214 notqmail home page: https://notqmail.org',
  unimplemented: '502 unimplemented (#5.5.1)',
  mailFirst: '503 MAIL first (#5.5.1)',
  recipientFirst: '503 RCPT first (#5.5.1)',
  addressTooLong: '555 syntax error (#5.5.4)',
  badMailFrom: '553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)',
  notInRcptHosts: "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
  tooBig: '552 sorry, that message size exceeds my databytes limit (#5.3.4)',
  tooManyHops: '554 too many hops, this message is looping (#5.4.6)',
  strayLineFeed: '451 See https://cr.yp.to/docs/smtplf.html.',
  timeout: '451 timeout (#4.4.2)',
  noControls: '421 unable to read controls (#4.3.0)',
} as const;

/** What qmail-smtpd has no words for. Those that begin with 421 are the last of their session. */
export const newReplies = {
  tooManyRecipients: '452 4.5.3 too many recipients, send me the others in another message',
  tooManyRefusals: '421 4.7.0 too many refused commands',
  tooManyCommands: '421 4.7.0 too many commands without a message',
  lineTooLong: '421 4.5.2 command line too long',
  notHttp: '421 4.7.0 this is a mail server',
  tooSlow: '421 4.4.2 message is coming in too slowly',
  sessionTooLong: '421 4.4.2 session is too long',
  shuttingDown: '421 4.3.2 shutting down, try again later',
  trouble: '451 4.3.0 temporary trouble on this host, try again later',
  notLmtp: '500 5.5.1 this is LMTP: say LHLO',
  notTrusted: '550 5.7.0 you may not speak for others',
  notNow: '503 5.5.1 not within a transaction',
  accountChanged: '421 4.7.0 the account has changed, log in again',
  deniedClient: '421 4.7.1 this client may not connect',
} as const;

/** The reply to the end of a message that is safe on disk. */
export function accepted(unixSeconds: number, qp: number): string {
  return `250 ok ${unixSeconds} qp ${qp}`;
}

/** The reply of LMTP for one recipient whose message is safe on disk. */
export function saved(recipient: string, qp: number): string {
  return `250 2.0.0 <${oneLine(recipient)}> ok qp ${qp}`;
}

/** What a reply to the whole message says to one of its recipients. */
export function forRecipient(reply: string, recipient: string): string {
  const [, codes = '', text = ''] = /^(\d{3}(?: \d\.\d{1,3}\.\d{1,3})?) (.*)$/s.exec(reply) ?? [];
  return text.startsWith('<') ? reply : `${codes} <${oneLine(recipient)}> ${text}`;
}

/** The reply to EHLO: qmail's two keywords first, in its order. `sizeBytes` 0 says that there is no limit (RFC 1870). */
export function extendedHello(greeting: string, sizeBytes: number, others: readonly string[] = []): string {
  const keywords = ['PIPELINING', '8BITMIME', `SIZE ${sizeBytes}`, 'ENHANCEDSTATUSCODES', 'SMTPUTF8', ...others];
  return [greeting, ...keywords].map((line, i) => `250${i < keywords.length ? '-' : ' '}${line}`).join('\r\n');
}

/** A reply with its enhanced code in front. */
export function refusal(code: number, status: string, text: string): string {
  return `${code} ${status} ${oneLine(text)}`;
}

/**
 * The reply that an error becomes. What is no PermanentError or TemporaryError is our own trouble: told as such to the client, in full to the log.
 * @param what what was being done, for the log
 * @param server what its lines begin with
 */
export function replyToError(error: unknown, what: string, log: Log, server = 'smtp'): string {
  if (error instanceof PermanentError) {
    if (isQueueError(error)) return `554 ${oneLine(error.message)}`;
    return refusal(permanentCode(error.status), error.status, error.message);
  }
  if (error instanceof TemporaryError) {
    log.warning(`${server}: ${what}: ${describe(error)}`);
    if (isQueueError(error)) return `451 ${oneLine(error.message)}`;
    return refusal(temporaryCode(error.status), error.status, error.message);
  }
  log.alert(`${server}: ${what}: ${error instanceof Error ? (error.stack ?? describe(error)) : String(error)}`);
  return newReplies.trouble;
}

function permanentCode(status: string): number {
  if (status === '5.2.2' || status === '5.2.3' || status === '5.3.4') return 552;
  return status.startsWith('5.1.') || status.startsWith('5.2.') ? 550 : 554;
}

function temporaryCode(status: string): number {
  return status === '4.2.2' || status === '4.3.1' || status === '4.5.3' ? 452 : 451;
}

/** RFC 5321 4.5.3.1.5 gives a reply line 512 bytes. */
function oneLine(text: string): string {
  return text
    .trim()
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .slice(0, 480);
}
