// The tables for a Postfix in front of this host, for those who prefer files to servers/postmap. Three texts with their indexes:
//
//   transport           example.jp smtp:[127.0.0.1]:10025         domains that are delivered on this host
//   relay_recipients    joe@example.jp OK                         who exists; @example.jp for a domain that takes everybody
//   relay_domains       example.jp OK                             domains that mail is taken for
//
// Written in this order, so that no domain is taken before its recipients are known. Recipients are written as they are met, domain by domain; in memory is one line a domain: where its
// recipients stand in the last table, and the versions of the files they came from. A refresh copies those of unchanged domains and reads the others. One process at a time writes
// (an fcntl lock on .vqmail-postfix-maps.lock).
//
// Trouble with one domain: its recipients of the last table stay, and without a last table the domain is taken whole. Trouble with the control files: nothing is written.

import fs from 'node:fs';
import path from 'node:path';
import { Resolver } from '../../delivery/resolution/resolve.js';
import { describe } from '../../errors.js';
import { withLock } from '../../files/locks/lock.js';
import { quoteAddress } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { MapFile } from './map-file.js';
import type { MapType } from './map-index.js';
import { type DomainRecipients, type RecipientSink, recipientsOf } from './recipients.js';
import { type ListedDomain, servedDomains } from './served-domains.js';
import { SystemNames } from './system-names.js';

export interface PostfixMapsOptions {
  /** Disk path of the directory that the tables are in. */
  readonly directory: string;
  /** The next hop of what is delivered here, such as `smtp:[127.0.0.1]:10025`. */
  readonly nextHop: string;
  readonly type: MapType;
  /** Postfix's configuration directory, when it is not the usual one. */
  readonly postfixConfig?: string | undefined;
}

/** What a refresh did. */
export interface RefreshReport {
  /** Names of the tables that are others than before. */
  readonly changed: readonly string[];
  readonly domains: number;
  readonly recipients: number;
  /** What is wrong with a domain and what was done about it, one line each. */
  readonly troubles: readonly string[];
}

/** Where the recipients of a domain stand in the last table. */
interface Section {
  readonly version: string | undefined;
  readonly position: number;
  readonly length: number;
  readonly recipients: number;
}

interface Written {
  readonly sections: Map<string, Section>;
  readonly troubles: string[];
}

export class PostfixMaps {
  readonly #host: Host;
  readonly #options: PostfixMapsOptions;
  readonly #resolver: Resolver;
  #last: { readonly fd: number; readonly sections: ReadonlyMap<string, Section> } | undefined;

  constructor(host: Host, options: PostfixMapsOptions) {
    this.#host = host;
    this.#options = options;
    this.#resolver = new Resolver(host);
  }

  /** Writes what has changed. Not to be called again before it has settled. @throws TemporaryError, CorruptFileError; the tables stay whole */
  async refresh(): Promise<RefreshReport> {
    const { directory } = this.#options;
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
    const lock = path.join(directory, '.vqmail-postfix-maps.lock');
    return withLock(lock, { kind: 'fcntl', timeoutMs: 600_000 }, () => this.#write());
  }

  async #write(): Promise<RefreshReport> {
    const domains = servedDomains(this.#host.control);
    const changed: string[] = [];
    const transport = await this.#table('transport', (file) => {
      for (const { name, isHere } of domains) if (isHere) file.line(name, this.#options.nextHop);
    });
    if (transport.changed) changed.push('transport');
    fs.closeSync(transport.fd);

    let written: Written = { sections: new Map(), troubles: [] };
    const recipients = await this.#table('relay_recipients', (file) => {
      written = this.#writeRecipients(file, domains);
    });
    if (recipients.changed) changed.push('relay_recipients');
    if (this.#last !== undefined) fs.closeSync(this.#last.fd);
    this.#last = { fd: recipients.fd, sections: written.sections };

    const relayDomains = await this.#table('relay_domains', (file) => {
      for (const { name } of domains) file.line(name, 'OK');
    });
    if (relayDomains.changed) changed.push('relay_domains');
    fs.closeSync(relayDomains.fd);
    const count = [...written.sections.values()].reduce((sum, section) => sum + section.recipients, 0);
    return { changed, domains: domains.length, recipients: count, troubles: written.troubles };
  }

  async #table(name: string, write: (file: MapFile) => void): Promise<{ fd: number; changed: boolean }> {
    const { directory, type, postfixConfig } = this.#options;
    const file = new MapFile(directory, name);
    try {
      write(file);
    } catch (error) {
      file.abandon(type);
      throw error;
    }
    return file.commit(type, postfixConfig);
  }

  #writeRecipients(file: MapFile, domains: readonly ListedDomain[]): Written {
    const written: Written = { sections: new Map(), troubles: [] };
    const context = { host: this.#host, resolver: this.#resolver, names: new SystemNames(this.#host) };
    for (const { name, isHere } of domains) {
      const isListable = !name.startsWith('.');
      if (!isListable && isHere)
        written.troubles.push(`${name}: recipients of all domains below cannot be listed; use socketmap for them`);
      if (!isListable) continue;
      const recipients: DomainRecipients = isHere ? recipientsOf(context, name) : { kind: 'all' };
      written.sections.set(name, this.#writeDomain(file, name, recipients, written.troubles));
    }
    return written;
  }

  #writeDomain(file: MapFile, domain: string, recipients: DomainRecipients, troubles: string[]): Section {
    const last = this.#last?.sections.get(domain);
    if (recipients.kind === 'all') return this.#writeAll(file, domain, recipients.trouble, troubles);
    if (last?.version !== undefined && last.version === recipients.version) return this.#copy(file, last);
    const position = file.position;
    let count = 0;
    const sink: RecipientSink = {
      begin() {
        if (file.position !== position) file.rewind(position);
        count = 0;
      },
      recipient(localPart) {
        file.line(quoteAddress(`${localPart}@${domain}`), 'OK');
        count++;
      },
    };
    try {
      recipients.write(sink);
    } catch (error) {
      sink.begin();
      return this.#writeAll(file, domain, describe(error), troubles);
    }
    return { version: recipients.version, position, length: file.position - position, recipients: count };
  }

  /** The domain as a whole; in trouble as it was in the last table. */
  #writeAll(file: MapFile, domain: string, trouble: string | undefined, troubles: string[]): Section {
    const last = this.#last?.sections.get(domain);
    if (trouble !== undefined) {
      const done = last === undefined ? 'every recipient is taken' : 'its recipients stay as they were';
      troubles.push(`${domain}: ${done}: ${trouble}`);
      if (last !== undefined) return { ...this.#copy(file, last), version: undefined };
    }
    const position = file.position;
    file.line(`@${domain}`, 'OK');
    return { version: undefined, position, length: file.position - position, recipients: 1 };
  }

  #copy(file: MapFile, last: Section): Section {
    const { position } = file;
    if (this.#last !== undefined) file.copy(this.#last.fd, last.position, last.length);
    return { ...last, position };
  }
}
