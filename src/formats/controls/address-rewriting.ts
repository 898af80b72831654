// What qmail-send makes of an envelope recipient (formats/qmail.md 4.2): an address without a domain gets `envnoathost`; in a domain of `percenthack` the
// part before the `@` is unfolded (`user%host@domain` is `user@host`); a domain of `locals` is delivered here as it is; `virtualdomains` puts its prefix and
// `-` in front and delivers here; everything else goes out. The address keeps its case.

import { lower, splitAddress } from '../../mail/address.js';
import { lookUp } from './virtual-domains.js';

/** What the control files say; sets and keys in lower case. */
export interface RewritingRules {
  readonly envNoAtHost: string;
  readonly percentHack: ReadonlySet<string>;
  readonly locals: ReadonlySet<string>;
  readonly virtualDomains: ReadonlyMap<string, string>;
}

/**
 * Where a recipient goes. `address` is what the delivery gets; `complete` is the recipient with its domain, before the prefix.
 * `prefix` is that of the virtual domain and `key` its entry; both are missing where `locals` or nothing decided. An exception (an entry with an
 * empty prefix) has a key and no prefix, and is remote.
 */
export interface RewrittenAddress {
  readonly channel: 'local' | 'remote';
  readonly address: string;
  readonly complete: string;
  readonly prefix?: string;
  readonly key?: string;
}

/** Rewrites one envelope recipient. */
export function rewrite(recipient: string, rules: RewritingRules): RewrittenAddress {
  const complete = unfold(recipient.includes('@') ? recipient : `${recipient}@${rules.envNoAtHost}`, rules.percentHack);
  if (rules.locals.has(lower(splitAddress(complete).domain ?? '')))
    return { channel: 'local', address: complete, complete };
  const entry = lookUp(complete, rules.virtualDomains);
  if (entry === undefined) return { channel: 'remote', address: complete, complete };
  if (entry.prefix === '') return { channel: 'remote', address: complete, complete, key: entry.key };
  return { channel: 'local', address: `${entry.prefix}-${complete}`, complete, prefix: entry.prefix, key: entry.key };
}

/** Each turn drops a domain, so this ends. */
function unfold(address: string, percentHack: ReadonlySet<string>): string {
  let complete = address;
  for (;;) {
    const { local, domain } = splitAddress(complete);
    const percent = local.lastIndexOf('%');
    if (percent < 0 || !percentHack.has(lower(domain ?? ''))) return complete;
    complete = `${local.slice(0, percent)}@${local.slice(percent + 1)}`;
  }
}
