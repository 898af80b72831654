// Whether a session with a host is encrypted, and what its certificate has to be: decided by the words of its route, then by control/tlshosts and notlshosts.
//
//   control/tlshosts/<host>.pem       required, verified with that file
//   the route's word `verify`         required, verified with the authorities of this version of node
//   the route's word `tls`, port 465  required, with any certificate
//   exhaustivelist, notlshosts        never
//   an MTA-STS policy in force        required, verified with the authorities of this version of node
//   otherwise                         opportunistic, with any certificate

import type { SmtpRoute } from '../../../formats/controls/smtp-routes.js';
import type { TlsOptions } from '../../../net/dial.js';
import type { TlsFiles } from '../../../stores/remote/tls-files.js';

export interface TlsPlan extends Omit<TlsOptions, 'timeoutMs'> {
  readonly mode: 'never' | 'may' | 'must';
  /** What requires it, for people. */
  readonly requiredBy?: string;
}

/** The port where a server speaks TLS from the first byte. */
export const smtpsPort = 465;

/** What a plan goes by, beside the files. */
export interface TlsCircumstances {
  /** The name of the MX host or relay; an address where it has none. */
  readonly host: string;
  readonly route: SmtpRoute;
  readonly ciphers: string | undefined;
  /** PEM instead of node's own. */
  readonly authorities: string | undefined;
  /** The domain whose MTA-STS policy is in force. */
  readonly policyOf: string | undefined;
}

/** @throws TemporaryError when a file cannot be read */
export function planTls(files: TlsFiles, circumstances: TlsCircumstances): TlsPlan {
  const { host, route, ciphers, authorities, policyOf } = circumstances;
  const rule = files.rule(host);
  const clientCertificate = files.clientCertificate();
  const common = { host: host.replace(/\.$/, ''), ciphers, clientCertificate, authorities };
  if (rule.kind === 'verified')
    return { ...common, mode: 'must', verify: true, authorities: rule.authorities, requiredBy: rule.file };
  if (route.words.has('verify')) return { ...common, mode: 'must', verify: true };
  if (route.words.has('tls') || route.port === smtpsPort) return { ...common, mode: 'must', verify: false };
  if (rule.kind === 'may' && policyOf !== undefined)
    return { ...common, mode: 'must', verify: true, requiredBy: `the MTA-STS policy of ${policyOf}` };
  return { ...common, mode: rule.kind, verify: false };
}
