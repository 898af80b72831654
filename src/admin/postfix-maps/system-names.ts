// The names of the whole host that may be local parts: the simple lines of users/cdb, entries of virtualdomains for one address, system users. Read once for a list of recipients; these are
// candidates, and whether each exists is asked as RCPT does.

import { withCdb } from '../../files/cdb/cdb-file.js';
import { readIfPresent } from '../../files/read.js';
import { cdbRecords } from '../../formats/databases/cdb.js';
import { Layout } from '../../layout.js';
import { splitAddress } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';

export class SystemNames {
  readonly #host: Host;
  #assignments: { readonly names: readonly string[]; readonly prefixes: readonly string[] } | undefined;
  #addresses: ReadonlyMap<string, readonly string[]> | undefined;
  #users: readonly string[] | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The names after `prefix` of the simple lines of users/cdb that begin with it. @throws TemporaryError, CorruptFileError */
  assigned(prefix: string): string[] {
    this.#assignments ??= this.#readAssignments();
    return below(this.#assignments.names, prefix);
  }

  /** As `assigned`, of the wildcards that are no domain's: `list-` of `+list-:...`. */
  assignedPrefixes(prefix: string): string[] {
    this.#assignments ??= this.#readAssignments();
    return below(this.#assignments.prefixes, prefix);
  }

  /** Local parts in a domain that have an entry of their own in virtualdomains. @throws TemporaryError */
  addressesIn(domain: string): readonly string[] {
    this.#addresses ??= addressesByDomain(this.#host.control.virtualDomains().keys());
    return this.#addresses.get(domain) ?? [];
  }

  /** All users of the host's passwd file. @throws TemporaryError */
  systemUsers(): readonly string[] {
    this.#users ??= this.#readUsers();
    return this.#users;
  }

  #readAssignments(): { names: string[]; prefixes: string[] } {
    const path = this.#host.layout.usersCdb;
    const found = withCdb(path, (source) => {
      const names: string[] = [];
      const prefixes: string[] = [];
      for (const { key } of cdbRecords(source, path)) {
        const name = key.toString('latin1', 1);
        if (name.endsWith('\0')) names.push(name.slice(0, -1));
        else if (name.endsWith('-') && !name.includes('.')) prefixes.push(name);
      }
      return { names, prefixes };
    });
    return found?.value ?? { names: [], prefixes: [] };
  }

  #readUsers(): string[] {
    const { passwd } = this.#host.layout.systemFiles;
    const bytes = readIfPresent(passwd) ?? readIfPresent(new Layout().systemFiles.passwd);
    const lines = bytes?.toString('latin1').split('\n') ?? [];
    return lines.map((line) => line.slice(0, Math.max(0, line.indexOf(':')))).filter((name) => name !== '');
  }
}

function below(names: readonly string[], prefix: string): string[] {
  return names
    .filter((name) => name.startsWith(prefix) && name.length > prefix.length)
    .map((name) => name.slice(prefix.length));
}

function addressesByDomain(keys: Iterable<string>): Map<string, string[]> {
  const byDomain = new Map<string, string[]>();
  for (const key of keys) {
    const { local, domain } = splitAddress(key);
    if (domain === undefined || local === '') continue;
    byDomain.set(domain, [...(byDomain.get(domain) ?? []), local]);
  }
  return byDomain;
}
