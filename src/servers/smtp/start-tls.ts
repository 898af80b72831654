// STARTTLS (RFC 3207), for SMTP and LMTP alike, with the replies of qmail's TLS patch.
//
//   C: STARTTLS     S: 220 ready for tls     handshake     C: EHLO ...        the session begins anew: what was said before counts for nothing
//
// What a client has sent behind STARTTLS without waiting for the 220 is thrown away unread (servers/smtp/connection.ts): it may be from somebody in the middle, who wants it taken for the
// client's own once the connection is secure (CVE-2011-0411). It is not offered on a unix socket, and not where a proxy has ended the client's TLS.

import type { TlsDescription } from '../server-tls.js';
import { takeCertificate } from './certified.js';
import { type Dialog, endTransaction, isSecure } from './dialog.js';
import { replies } from './replies.js';
import { logOut } from './submission/user.js';

/** What EHLO says about it. */
export async function startTlsKeywords(dialog: Dialog): Promise<readonly string[]> {
  return mayBegin(dialog) && (await dialog.context.tls?.isAvailable()) ? ['STARTTLS'] : [];
}

/** The command. When it is agreed to, the handshake is the connection's business. */
export async function startTls(dialog: Dialog, argument: string): Promise<string> {
  if (!mayBegin(dialog)) return replies.unimplemented;
  if (argument !== '') return replies.tlsArgument;
  if (!(await dialog.context.tls?.isAvailable()))
    return dialog.helo === undefined ? replies.unimplemented : replies.noTls;
  dialog.isStartingTls = true;
  return replies.readyForTls;
}

/** Whether the dialog can become a secure one, if there is a certificate. */
export function mayBegin(dialog: Dialog): boolean {
  return dialog.context.tls !== undefined && !isSecure(dialog) && dialog.client.address !== 'unix';
}

/** Begins the dialog anew on the secured connection. Who the client is stays: that is known from the connection, or from a front end that is trusted; a login does not. */
export function beginSecured(dialog: Dialog, tls: TlsDescription): void {
  endTransaction(dialog);
  logOut(dialog);
  Object.assign(dialog, { tls, isStartingTls: false, forwarded: undefined, helo: undefined });
  takeCertificate(dialog, tls.clientCertificate());
}
