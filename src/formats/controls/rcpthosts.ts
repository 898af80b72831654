// The matching rule of control/rcpthosts and control/morercpthosts.cdb: which recipient domains a host takes mail for.
//
//   example.jp       that domain
//   .example.jp      every domain below it, not the domain itself
//
// The domain is lower-cased and looked up whole, then from each dot on, the dot included (qmail's rcpthosts.c, formats/qmail.md 1.4). The empty domain
// of `user@` is looked up by nothing and so never matches. An address without `@` and an absent file allow everything: the caller's decisions.

import { lower } from '../../mail/address.js';
import { withoutTrailingBlanks } from './control-file.js';

/**
 * Whether a domain is listed.
 * @param has whether a lower-case key is there; asked with the domain, then with each `.suffix`, longest first
 */
export function matchesHost(domain: string, has: (key: string) => boolean): boolean {
  return hostKeys(domain).some(has);
}

/** The keys under which a domain may be listed, in the order in which they are tried. */
export function hostKeys(domain: string): string[] {
  const name = lower(domain);
  const keys = name === '' ? [] : [name];
  for (let dot = name.indexOf('.', 1); dot >= 0; dot = name.indexOf('.', dot + 1)) keys.push(name.slice(dot));
  return keys;
}

/**
 * The keys of control/morercpthosts.cdb, which qmail-newmrh makes of the text control/morercpthosts: its lines in lower case and file order, without trailing
 * blanks, without empty ones and those that begin with `#`. The records have no data.
 */
export function moreRcptHostsKeys(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  return lines.map((line) => lower(withoutTrailingBlanks(line))).filter((line) => line !== '' && !line.startsWith('#'));
}
