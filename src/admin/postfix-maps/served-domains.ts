// All domains that a Postfix in front of this host is to take mail for, in the order of their files: what servers/postmap answers one by one, as a list.
//
//   rcpthosts, then morercpthosts.cdb         every entry
//   locals, virtualdomains                    those that an entry `.example.jp` covers; all, where rcpthosts is absent
//
// An entry `.example.jp` (every domain below) is given as it is.

import { servedDomain } from '../../delivery/resolution/served-domain.js';
import type { Control } from '../../stores/control.js';

export interface ListedDomain {
  /** In lower case; with a dot in front for all domains below. */
  readonly name: string;
  readonly isHere: boolean;
}

/** The domains. @throws TemporaryError or CorruptFileError when the control files cannot be read */
export function servedDomains(control: Control): ListedDomain[] {
  const listed = control.rcptHosts() ?? new Set<string>();
  const domains: ListedDomain[] = [];
  const add = (name: string): void => {
    // A name below, for an entry that stands for all of them.
    const served = servedDomain(control, name.startsWith('.') ? `any${name}` : name);
    if (served !== undefined && isName(name)) domains.push({ name, isHere: served === 'here' });
  };
  for (const name of listed) add(name);
  const delivered = [...control.locals(), ...control.virtualDomains().keys()].filter((name) => !name.includes('@'));
  for (const name of new Set(delivered)) if (!listed.has(name)) add(name);
  return domains;
}

/** What can stand in a Postfix table as a key. */
function isName(name: string): boolean {
  return /^[^\s"#\\\x00-\x1f\x7f][^\s"\\\x00-\x1f\x7f]*$/.test(name);
}
