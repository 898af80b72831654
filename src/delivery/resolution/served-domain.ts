// Which domains does this host take mail for, and does it deliver them itself? The same files that decide at RCPT, asked for a domain alone: what a mail server in front of
// this one needs to know.
//
//   rcpthosts, morercpthosts.cdb     locals, virtualdomains
//   has the domain                   has it                    here: taken from everybody and delivered here
//   has the domain                   has it not                elsewhere: taken from everybody and passed on (this host is a backup MX)
//   has it not                       either                    undefined: strangers are refused
//   rcpthosts is absent              has it                    here
//   rcpthosts is absent              has it not                undefined; at RCPT qmail takes it from everybody, which in a front end would open a relay
//
// An alias domain is in these files as any other. Nothing is said about single addresses: entries of virtualdomains for one address do not count.

import { rewrite } from '../../formats/controls/address-rewriting.js';
import type { Control } from '../../stores/control.js';

export type ServedDomain = 'here' | 'elsewhere';

/**
 * How a domain is served; undefined when strangers may not send to it.
 * @param domain in any case
 * @throws TemporaryError when the control files cannot be read
 */
export function servedDomain(control: Control, domain: string): ServedDomain | undefined {
  if (domain === '' || !control.isAllowedRecipientDomain(`@${domain}`)) return undefined;
  if (rewrite(`@${domain}`, control.rewriting()).channel === 'local') return 'here';
  return control.hasRcptHosts() ? 'elsewhere' : undefined;
}
