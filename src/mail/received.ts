// The two trace lines that qmail puts above a message that came by SMTP (formats/qmail.md 2.6 and 3.4):
//
//   Received: (qmail 16956 invoked from network); 24 Nov 2026 02:02:55 -0000        written by qmail-queue, the upper one
//   Received: from client.example (HELO foo?bar) (joe?x@192.0.2.4)                  written by qmail-smtpd
//     by mx.example with SMTP; 24 Nov 2026 02:02:55 -0000
//
// A connection in TLS says so in the word that RFC 3848 has for it, and how: `with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384 encrypted); 24 Nov ...`, as qmail's TLS patch does; with the address in the client's
// certificate where that has let it relay: `(TLSv1.3 TLS_AES_256_GCM_SHA384 encrypted) (cert office@example.jp)`.
//
// What the client could choose (its name, the HELO word, the ident answer) is shown with every byte replaced by `?` that is not a letter, digit or one of
// . @ % + / = : - [ ] so that no header field can be forged. Whether the HELO word is shown is the caller's decision: qmail leaves it out when it
// equals the client's name. Pid and time are arguments; nothing here looks at a clock.

import { qmailDate } from './dates.js';

/** Whom qmail-queue names in its line: by the uid that called it. */
export type Invoker = 'network' | 'alias' | 'bounce' | { readonly uid: number };

/** RFC 3848; without TLS and authentication the words are qmail's own. */
export type TransferProtocol =
  | 'SMTP'
  | 'ESMTPS'
  | 'ESMTPA'
  | 'ESMTPSA'
  | 'LMTP'
  | 'LMTPS'
  | 'LMTPA'
  | 'LMTPSA'
  | 'QMTP'
  | 'QMQP';

export interface SmtpTrace {
  /** The client's host name, `unknown` when it has none. */
  readonly remoteHost: string;
  /** The word given to HELO or EHLO, possibly empty; undefined when it is not to be shown. */
  readonly helo?: string | undefined;
  /** The answer of the client's ident server; undefined when none was asked for. */
  readonly remoteInfo?: string | undefined;
  readonly remoteIp: string;
  /** The name of this host for the address that was connected to (TCPLOCALHOST, else TCPLOCALIP). */
  readonly local: string;
  readonly protocol: TransferProtocol;
  /** How the connection is secured, where this host knows. */
  readonly tls?: { readonly version: string; readonly cipher: string } | undefined;
  /** The address in the client's certificate. */
  readonly certificate?: string | undefined;
  readonly unixSeconds: number;
}

/** qmail-queue's line, ended by LF. */
export function queueReceivedLine(trace: { pid: number; invokedBy: Invoker; unixSeconds: number }): string {
  return `Received: (qmail ${trace.pid} invoked ${invokerText(trace.invokedBy)}); ${qmailDate(trace.unixSeconds)}\n`;
}

/** qmail-smtpd's line, folded once, ended by LF. */
export function smtpReceivedLine(trace: SmtpTrace): string {
  const helo = trace.helo === undefined ? '' : ` (HELO ${safe(trace.helo)})`;
  const info = trace.remoteInfo === undefined ? '' : `${safe(trace.remoteInfo)}@`;
  const from = `Received: from ${safe(trace.remoteHost)}${helo} (${info}${safe(trace.remoteIp)})`;
  const tls = trace.tls === undefined ? '' : ` (${trace.tls.version} ${trace.tls.cipher} encrypted)`;
  const certificate = trace.certificate === undefined ? '' : ` (cert ${safe(trace.certificate)})`;
  return `${from}\n  by ${safe(trace.local)} with ${trace.protocol}${tls}${certificate}; ${qmailDate(trace.unixSeconds)}\n`;
}

/** Both lines, as they stand above every message that qmail-smtpd took in. */
export function receivedLines(trace: SmtpTrace & { readonly pid: number; readonly invokedBy: Invoker }): string {
  return queueReceivedLine(trace) + smtpReceivedLine(trace);
}

function invokerText(invoker: Invoker): string {
  if (typeof invoker === 'object') return `by uid ${invoker.uid}`;
  return { network: 'from network', alias: 'by alias', bounce: 'for bounce' }[invoker];
}

function safe(text: string): string {
  return text.replace(/[^A-Za-z0-9.@%+/=:\-[\]]/g, '?');
}
