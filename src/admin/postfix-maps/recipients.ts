// Who exists in a domain, as a list for Postfix: what RCPT answers one by one. The list of a domain comes from
//
//   delivery/resolution/assignment          the directory that its mail goes to: a vpopmail domain's, ~alias, a user's home
//   .qmail-NAME there            each name, asked as RCPT would ask
//   .qmail-NAME-default          NAME as far as its first `-`: with recipient_delimiter = - Postfix finds NAME-anything by it
//   vpasswd.cdb                  where .qmail-default hands the domain to vdelivermail: every account that is not locked; user-anything goes by the delimiter
//   virtualdomains, users/cdb    entries for single addresses
//   passwd                       for a domain of locals
//
// A local part that begins with `#` cannot be listed, and Postfix refuses it.
//
// A domain whose unknown users are taken too (a catch-all, a program, a backup MX) is one entry for all, `@example.jp`; Postfix cannot be told of a locked account in it.
// A domain of which it cannot be told is taken whole as well: a mail that is deferred later is better than one that is refused because of our trouble.

import { assign, type LocalRecipient } from '../../delivery/resolution/assignment.js';
import type { Outcome } from '../../delivery/resolution/resolution.js';
import type { Resolver } from '../../delivery/resolution/resolve.js';
import { describe } from '../../errors.js';
import { isRacy, statusOf } from '../../files/identity.js';
import { namesIn } from '../../files/list.js';
import { bytesPath } from '../../files/read.js';
import { rewrite } from '../../formats/controls/address-rewriting.js';
import { parseVdelivermail } from '../../formats/dot-qmail/dot-qmail.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { domainFiles } from '../../layout.js';
import { lower, splitAddress } from '../../mail/address.js';
import { type AccountWalk, walkAccounts } from '../../stores/accounts/account-walk.js';
import type { Host } from '../../stores/host.js';
import type { SystemNames } from './system-names.js';

/** A name that nobody has; without a dash, so that nobody's extension is meant either. */
export const unknownUser = 'vqmail0asks0for0nobody0called0so';

/** The local parts that are listed: of the characters that vdelivermail takes, and `%`. One with `#` in front would be a comment in a table's text. */
const listable = /^[!$%&'*+\-./0-9=?A-Z^_`a-z{|}~][!#$%&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/;

export interface RecipientContext {
  readonly host: Host;
  readonly resolver: Resolver;
  /** Names of the whole host, read once for a list. */
  readonly names: SystemNames;
}

/** Where the list of a domain is written. */
export interface RecipientSink {
  /** Called before the first name, and again when all are given anew. */
  begin(): void;
  recipient(localPart: string): void;
}

/** The recipients of a domain, before they are read. */
export type DomainRecipients =
  /** Everybody; `trouble` says why, where it could not be told better. */
  | { readonly kind: 'all'; readonly trouble?: string }
  /** `version` stays the same as long as the list does; undefined when that cannot be told yet. */
  | { readonly kind: 'some'; readonly version: string | undefined; write(sink: RecipientSink): void };

/** Looks at a domain that is delivered here. Does not throw. */
export function recipientsOf(context: RecipientContext, domain: string): DomainRecipients {
  try {
    const place = placeOf(context, domain);
    if ('kind' in place) return unlessRefused(place) ?? { kind: 'some', version: '', write: (sink) => sink.begin() };
    const { outcome } = context.resolver.resolve(`${unknownUser}@${domain}`);
    return unlessRefused(outcome) ?? new ListedRecipients(context, domain, place);
  } catch (error) {
    return { kind: 'all', trouble: describe(error) };
  }
}

function placeOf({ host }: RecipientContext, domain: string): LocalRecipient | Outcome {
  const { address } = rewrite(`${unknownUser}@${domain}`, host.control.rewriting());
  const { local, domain: rewritten = '' } = splitAddress(address);
  return assign({ host, explain: undefined }, local, { address, domain: rewritten });
}

function unlessRefused(outcome: Outcome): DomainRecipients | undefined {
  if (outcome.kind === 'refuse') return undefined;
  return outcome.kind === 'defer' ? { kind: 'all', trouble: outcome.cause ?? outcome.text } : { kind: 'all' };
}

class ListedRecipients {
  readonly kind = 'some';
  readonly version: string | undefined;
  readonly #context: RecipientContext;
  readonly #domain: string;
  readonly #place: LocalRecipient;
  /** What stands before a name in the rewritten local part (`example.jp-`), and in the names of files. */
  readonly #localPrefix: string;
  readonly #filePrefix: string;

  constructor(context: RecipientContext, domain: string, place: LocalRecipient) {
    this.#context = context;
    this.#domain = domain;
    this.#place = place;
    this.#localPrefix = splitAddress(place.address).local.slice(0, -unknownUser.length);
    const extension = place.extension.slice(0, -unknownUser.length);
    this.#filePrefix = `${place.dash}${lower(extension).replaceAll('.', ':')}`;
    this.version = this.#versionNow();
  }

  /** @throws TemporaryError or CorruptFileError */
  write(sink: RecipientSink): void {
    sink.begin();
    const names = this.#namedSingly();
    const accounts = this.#accounts();
    if (accounts === undefined) {
      for (const name of names) sink.recipient(name);
      return;
    }
    const seen = this.#fileNames();
    const walk: AccountWalk = {
      begin() {
        sink.begin();
        for (const name of names) sink.recipient(name);
      },
      account(name, gid) {
        // A name with a file of its own is the file's.
        if (!hasFlag(gid, 'BOUNCE_MAIL') && listable.test(name) && name === lower(name) && !seen.has(name))
          sink.recipient(name);
      },
    };
    walkAccounts(accounts, walk);
  }

  /** The vpopmail domain whose accounts count; undefined when .qmail-default does not ask vdelivermail. */
  #accounts() {
    const { host } = this.#context;
    const file = host.dotQmail.read(this.#place.directory, `${this.#filePrefix}default`);
    const isAsked = file?.lines.some(
      (line) => line.kind === 'program' && parseVdelivermail(line.command) !== undefined,
    );
    return isAsked ? host.domain(lower(splitAddress(this.#place.address).domain ?? '')) : undefined;
  }

  /** Those that exist among the names which files and tables give one by one. */
  #namedSingly(): Set<string> {
    const { resolver, names } = this.#context;
    const domain = this.#domain;
    const exists = (name: string): boolean => resolver.resolve(`${name}@${domain}`).outcome.kind !== 'refuse';
    const found = new Set<string>();
    const candidates = [...this.#fileNames(), ...names.assigned(this.#localPrefix), ...names.addressesIn(domain)];
    if (this.#localPrefix === '') candidates.push(...names.systemUsers());
    for (const name of candidates) if (listable.test(name) && exists(name)) found.add(name);
    for (const prefix of [...this.#filePrefixes(), ...names.assignedPrefixes(this.#localPrefix)]) {
      const [name = ''] = prefix.split('-', 1);
      if (listable.test(name) && exists(`${prefix}${unknownUser}`)) found.add(name);
    }
    return found;
  }

  /** The names that have a .qmail file of their own. */
  #fileNames(): Set<string> {
    const names = this.#suffixes().filter((name) => name !== 'default' && !name.endsWith('-default'));
    return new Set(names.map((name) => name.replaceAll(':', '.')));
  }

  /** What stands before `default` in the others, such as `list-`. */
  #filePrefixes(): string[] {
    const names = this.#suffixes().filter((name) => name.endsWith('-default'));
    return names.map((name) => name.slice(0, -'default'.length).replaceAll(':', '.'));
  }

  /** What follows `.qmail-` in the directory. A name with capital letters is never found. */
  #suffixes(): string[] {
    const prefix = `.qmail${this.#filePrefix}`;
    const names = [...namesIn(this.#place.directory)].filter((name) => name.startsWith(prefix) && name === lower(name));
    return names.map((name) => name.slice(prefix.length)).filter((name) => name !== '');
  }

  #versionNow(): string | undefined {
    const { directory, owner } = this.#place;
    const accounts = this.#accounts();
    const files = [
      directory,
      domainFiles.dotQmail(directory, `${this.#filePrefix}default`),
      ...(accounts === undefined
        ? []
        : [domainFiles.vpasswdCdb(accounts.directory), domainFiles.vpasswd(accounts.directory)]),
    ];
    const now = Date.now();
    const versions: string[] = [];
    for (const file of files) {
      const status = statusOf(bytesPath(file));
      if (status !== undefined && isRacy(status, now)) return undefined;
      const { dev, ino, size, mtimeNs, ctimeNs } = status ?? {};
      versions.push([dev, ino, size, mtimeNs, ctimeNs].join('.'));
    }
    const { names } = this.#context;
    const singly = [...names.assigned(this.#localPrefix), ...names.assignedPrefixes(this.#localPrefix)];
    const system = this.#localPrefix === '' ? names.systemUsers() : [];
    const rest = [directory, owner.uid, this.#filePrefix, singly, system, names.addressesIn(this.#domain)];
    return JSON.stringify([...rest, ...versions]);
  }
}
