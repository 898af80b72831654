// The matching rule of control/virtualdomains: which addresses a virtual domain's owner gets, and under which prefix.
//
//   info@example.jp:joe    one address
//   example.jp:joe         one domain: user@example.jp becomes joe-user@example.jp, delivered here
//   .example.jp:joe        every domain below it
//   ex.example.jp:         an exception: as if nothing had matched
//   :joe                   everything else
//
// Tried in that order, suffixes longest first; the first hit decides (qmail-send.c, formats/qmail.md 4.2).

import { lower, splitAddress } from '../../mail/address.js';

/** The entry that decided. `prefix` is what stands before `-user@domain`; empty for an exception. */
export interface VirtualDomain {
  readonly key: string;
  readonly prefix: string;
}

/**
 * The entry for an address; undefined when none matches.
 * @param address with a domain, in any case
 * @param map of `parseMap`: keys in lower case
 */
export function lookUp(address: string, map: ReadonlyMap<string, string>): VirtualDomain | undefined {
  for (const key of virtualDomainKeys(address)) {
    const prefix = map.get(key);
    if (prefix !== undefined) return { key, prefix };
  }
  return undefined;
}

/** The keys of an address in the order in which they are tried. */
export function virtualDomainKeys(address: string): string[] {
  const domain = lower(splitAddress(address).domain ?? '');
  const keys = [lower(address), domain];
  for (let dot = domain.indexOf('.', 1); dot >= 0; dot = domain.indexOf('.', dot + 1)) keys.push(domain.slice(dot));
  if (domain !== '') keys.push('');
  return keys;
}
