// For whom a front end asks: what the parameters of an AUTH line say of the client behind it.
//
//   service        kind of login                          closed by
//   smtp           SMTP; by lport 587 submission, 465 smtps      NO_SMTP
//   submission     submission                             NO_SMTP
//   pop3           POP3                                   NO_POP
//   imap, others   IMAP (sieve, ...)                      NO_IMAP, NO_WEBMAIL
//
// The front end is believed: who may connect is said by the mode of the socket. Whether a password may be sent in clear is its decision too (Postfix's smtpd_tls_auth_only), since the mechanisms are
// told before any client is known.

import net from 'node:net';
import type { LoginService } from '../../auth/login-service.js';
import type { SaslClient } from '../../auth/sasl/sasl-login.js';
import { ucspiAddress } from '../../formats/ucspi-address.js';
import type { AuthStart } from '../../protocols/dovecot-auth.js';

const byPort: Readonly<Record<string, LoginService>> = {
  '587': 'submission',
  '465': 'smtps',
  '995': 'pop3s',
  '993': 'imaps',
};

/** The client of a request. */
export function clientOf({ service, parameters }: AuthStart): SaslClient {
  return {
    service: serviceOf(service.toLowerCase(), parameters.get('lport')),
    origin: { remoteIp: addressOf(parameters.get('rip')), localIp: addressOf(parameters.get('lip')) },
    isSecure: true,
  };
}

function serviceOf(name: string, port: string | undefined): LoginService {
  const plain = name === 'smtp' || name === 'pop3' || name === 'submission' ? name : 'imap';
  const named = byPort[port ?? ''];
  if (named === undefined) return plain;
  if (plain === 'smtp') return named === 'submission' || named === 'smtps' ? named : plain;
  return named === `${plain}s` ? named : plain;
}

/** What is no address is none: it goes into log lines and limits. */
function addressOf(text = ''): string | undefined {
  return net.isIP(text) === 0 ? undefined : ucspiAddress(text);
}
