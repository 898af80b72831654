// Clients that may relay because of their certificate, as with qmail's TLS patch: one of control/clientca.pem vouches for it, and its e-mail address stands in control/tlsclients. A branch office
// whose address changes, or a mail program without a password. On submission and smtps such a client needs no AUTH.
//
//   address in the certificate      sends as
//   of a domain of this host        the user of that address may (--sender-check and the rest, submission/message-rules.ts); not at all when the account is closed to SMTP
//   of another                      whom it likes: another server, with users of its own
//
//   smtp: 192.0.2.9 has the certificate of office@example.jp and may relay
//   smtp: 192.0.2.9 has the certificate of joe@example.jp, which does not count: it is not in control/tlsclients

import { isClosedTo } from '../../auth/login-service.js';
import type { OwnerOfAddresses } from '../../delivery/resolution/leads-to.js';
import { describe } from '../../errors.js';
import { lower } from '../../mail/address.js';
import type { ClientCertificate } from '../client-certificate.js';
import type { Dialog, DialogContext } from './dialog.js';
import { namedUser, type SessionUser } from './submission/user.js';

/** Whether clients are to be asked for certificates. */
export function asksForCertificates(context: DialogContext): boolean {
  return context.flavour !== 'lmtp' && listedClients(context).size > 0;
}

/** Takes notice of the certificate that the client has shown in its handshake. */
export function takeCertificate(dialog: Dialog, certificate: ClientCertificate | undefined): void {
  if (certificate === undefined) return;
  const { client, context } = dialog;
  const { address = 'nobody', trouble } = certificate;
  const isListed = listedClients(context).has(lower(address));
  const why = trouble ?? (isListed ? undefined : 'it is not in control/tlsclients');
  const who = `${context.flavour}: ${client.address} has the certificate of ${printable(address)}`;
  context.log.info(why === undefined ? `${who} and may relay` : `${who}, which does not count: ${why}`);
  if (why !== undefined) return;
  const relaySuffix = client.relaySuffix ?? '';
  const environment = new Map([...client.environment, ['RELAYCLIENT', relaySuffix]]);
  dialog.client = { ...client, certificate: address, relaySuffix, environment };
}

/**
 * The user of this host whose certificate lets the client in, as the account is now.
 * @returns undefined when it is nobody's here, `closed` when the account may not send
 * @throws TemporaryError, CorruptFileError
 */
export function certifiedUser({ client, context }: Dialog): SessionUser | 'closed' | undefined {
  if (client.certificate === undefined || context.users === undefined) return undefined;
  const user = namedUser(context.users, client.certificate);
  if (user.account === undefined) return undefined;
  return isClosed(user, user.account) ? 'closed' : user;
}

/** Of a domain of another uid that is not known here. What cannot be read now is met by the look at the sender. */
function isClosed({ services }: SessionUser, { name, domain: domainName }: OwnerOfAddresses): boolean {
  try {
    const domain = services.domain(domainName);
    const account = domain?.account(name);
    return domain !== undefined && account !== undefined && isClosedTo('smtp', domain.flagsOf(account));
  } catch {
    return false;
  }
}

/** Nobody when that cannot be read, which is told. */
function listedClients({ control, log, flavour }: DialogContext): ReadonlySet<string> {
  try {
    return control.tlsClients();
  } catch (error) {
    log.alert(`${flavour}: no certificate of a client counts: ${describe(error)}`);
    return new Set();
  }
}

function printable(text: string): string {
  return text.replace(/[^!-~]/g, '?').slice(0, 200);
}
