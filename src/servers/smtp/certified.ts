// Clients that may relay because of their certificate, as with qmail's TLS patch: one of control/clientca.pem vouches for it, and its e-mail address stands in control/tlsclients. A branch office
// whose address changes, or a mail program without a password. On submission and smtps such a client needs no AUTH.
//
//   smtp: 192.0.2.9 has the certificate of office@example.jp and may relay
//   smtp: 192.0.2.9 has the certificate of joe@example.jp, which does not count: it is not in control/tlsclients

import { describe } from '../../errors.js';
import { lower } from '../../mail/address.js';
import type { ClientCertificate } from '../client-certificate.js';
import type { Dialog, DialogContext } from './dialog.js';

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
