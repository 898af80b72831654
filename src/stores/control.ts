// qmail's control directory as it is now. Every question looks at its files again (one stat when nothing changed), so a change is in force at once, for new
// and for running sessions; the originals read them once a process. Nobody locks these files; tools replace them by rename.
//
//   line      me, smtpgreeting, localiphost, envnoathost                     absent: `me`
//   number    timeoutsmtpd (1200), databytes (0: no limit)                   absent or without digits: the default
//   list      rcpthosts, badmailfrom, locals, percenthack, qmqpservers, tlsclients       rcpthosts absent: every domain; locals absent: the name in `me`
//   map       virtualdomains
//   cdb       morercpthosts.cdb                                              looked at only where rcpthosts exists
//
// An unreadable file is a temporary failure for what needs it and never means its default. Because an absent rcpthosts opens the host to the world, it counts as absent
// only when the control directory is there and no dangling link stands in its place.

import fs from 'node:fs';
import { TemporaryError } from '../errors.js';
import { withCdb } from '../files/cdb/cdb-file.js';
import { statusOf } from '../files/identity.js';
import { bytesPath, fileTrouble, isMissing } from '../files/read.js';
import { Snapshot } from '../files/snapshot.js';
import type { RewritingRules } from '../formats/controls/address-rewriting.js';
import { parseLine, parseList, parseMap, parseNumber, parseSet } from '../formats/controls/control-file.js';
import { matchesHost } from '../formats/controls/rcpthosts.js';
import { cdbRecords } from '../formats/databases/cdb.js';
import type { Layout } from '../layout.js';
import { lower, splitAddress } from '../mail/address.js';
import type { Databases, Find } from './databases.js';

const nothing: ReadonlySet<string> = new Set();
const noMap: ReadonlyMap<string, string> = new Map();

/** What the control files say. Every method throws TemporaryError when a file that it needs cannot be read. */
export class Control {
  readonly #layout: Layout;
  readonly #databases: Databases;
  readonly #lines: (name: string) => Snapshot<string>;
  readonly #numbers: (name: string) => Snapshot<number | undefined>;
  readonly #sets: (name: string) => Snapshot<ReadonlySet<string>>;
  readonly #qmqpServers: Snapshot<readonly string[]>;
  readonly #virtualDomains: Snapshot<ReadonlyMap<string, string>>;

  constructor(layout: Layout, databases: Databases) {
    this.#layout = layout;
    this.#databases = databases;
    this.#lines = snapshotsByName(layout, (bytes) => parseLine(bytes));
    this.#numbers = snapshotsByName(layout, (bytes) => parseNumber(bytes));
    this.#sets = snapshotsByName(layout, (bytes): ReadonlySet<string> => parseSet(bytes));
    this.#qmqpServers = new Snapshot(layout.control('qmqpservers'), (bytes) => parseList(bytes));
    this.#virtualDomains = new Snapshot(layout.control('virtualdomains'), (bytes) => parseMap(bytes));
  }

  /** This host's name; undefined when `me` is absent. */
  me(): string | undefined {
    return this.#lines('me').get();
  }

  /** The text after `220 `; undefined when neither it nor `me` is there (qmail-smtpd answers 421 then). */
  smtpGreeting(): string | undefined {
    return this.#lineOrMe('smtpgreeting');
  }

  /** What replaces `[a.b.c.d]` domains that are an address of this host; undefined: they stay. */
  localIpHost(): string | undefined {
    return this.#lineOrMe('localiphost');
  }

  /** Seconds that a client may let pass in a read or write. */
  timeoutSmtpdSeconds(): number {
    return Math.max(1, this.#numbers('timeoutsmtpd').get() ?? 1200);
  }

  /** The largest message in bytes; 0 means no limit. The environment's DATABYTES stands above it. */
  databytes(): number {
    return (this.#numbers('databytes').get() ?? 0) >>> 0;
  }

  /** Lower-case entries: whole senders and `@domain`. */
  badMailFrom(): ReadonlySet<string> {
    return this.#sets('badmailfrom').get() ?? nothing;
  }

  /** The lower-case e-mail addresses in the certificates of clients that may relay. */
  tlsClients(): ReadonlySet<string> {
    return this.#sets('tlsclients').get() ?? nothing;
  }

  /**
   * Whether mail for this address is taken from clients that may not relay (formats/qmail.md 1.4): its domain is in rcpthosts or morercpthosts.cdb.
   * An address without `@` always is.
   */
  isAllowedRecipientDomain(address: string): boolean {
    const { domain } = splitAddress(address);
    if (domain === undefined) return true;
    const hosts = this.#sets('rcpthosts').get();
    if (hosts === undefined) return this.#acceptsEverything();
    if (matchesHost(domain, (key) => hosts.has(key))) return true;
    const inCdb = (find: Find): boolean => matchesHost(domain, (key) => find(key) !== undefined);
    const more = this.#databases.lookUp(this.#layout.control('morercpthosts.cdb'), inCdb, { isShared: true });
    return more?.value ?? false;
  }

  /** Whether there is a list of domains at all; without one every domain is allowed. */
  hasRcptHosts(): boolean {
    return this.#sets('rcpthosts').get() !== undefined || !this.#acceptsEverything();
  }

  /**
   * The entries of rcpthosts and morercpthosts.cdb in lower case, each once; one with a dot in front stands for every domain below it. undefined where
   * rcpthosts is absent.
   */
  rcptHosts(): ReadonlySet<string> | undefined {
    const hosts = this.#sets('rcpthosts').get();
    if (hosts === undefined) return this.#acceptsEverything() && undefined;
    const path = this.#layout.control('morercpthosts.cdb');
    const more = withCdb(path, (source) => Array.from(cdbRecords(source, path), ({ key }) => key.toString('latin1')));
    return more === undefined ? hosts : new Set([...hosts, ...more.value]);
  }

  /** Domains delivered here without a prefix, in lower case. */
  locals(): ReadonlySet<string> {
    const locals = this.#sets('locals').get();
    if (locals !== undefined) return locals;
    const me = this.me();
    if (me === undefined)
      throw new TemporaryError('4.3.5', 'unable to read controls', new Error('neither control/locals nor control/me'));
    return new Set([lower(me)]);
  }

  /** The lower-case entries of the file `locals`; undefined when it is absent. */
  listedLocals(): ReadonlySet<string> | undefined {
    return this.#sets('locals').get();
  }

  /** Whether a domain stands in the file `locals`; `me` does not count. */
  isListedLocal(domain: string): boolean {
    return this.listedLocals()?.has(lower(domain)) ?? false;
  }

  /** The value of a line file that has no method of its own; undefined when it is absent. */
  line(name: string): string | undefined {
    return this.#lines(name).get();
  }

  /** The value of a number file that has no method of its own; undefined when it is absent or has no number. */
  number(name: string): number | undefined {
    return this.#numbers(name).get();
  }

  /** The hosts that take this host's mail for the world by QMQP, in order; none when the file is absent. */
  qmqpServers(): readonly string[] {
    return this.#qmqpServers.get() ?? [];
  }

  /** Lower-case keys of virtualdomains with their prefixes. */
  virtualDomains(): ReadonlyMap<string, string> {
    return this.#virtualDomains.get() ?? noMap;
  }

  /** What qmail-send goes by when it rewrites a recipient (formats/qmail.md 4.2). */
  rewriting(): RewritingRules {
    return {
      envNoAtHost: this.#lineOrMe('envnoathost') ?? 'envnoathost',
      percentHack: this.#sets('percenthack').get() ?? nothing,
      locals: this.locals(),
      virtualDomains: this.virtualDomains(),
    };
  }

  #lineOrMe(name: string): string | undefined {
    return this.#lines(name).get() ?? this.me();
  }

  #acceptsEverything(): true {
    const trouble = (problem: string): TemporaryError =>
      new TemporaryError(
        '4.3.0',
        'unable to read controls',
        new Error(`${this.#layout.control('rcpthosts')}: ${problem}`),
      );
    if (statusOf(bytesPath(this.#layout.controlDirectory)) === undefined)
      throw trouble('there is no control directory');
    if (isDangling(this.#layout.control('rcpthosts'))) throw trouble('a link that leads nowhere');
    return true;
  }
}

/** One snapshot for each control file of a kind, made when it is first asked for; the names are those in this file. */
function snapshotsByName<T>(layout: Layout, parse: (bytes: Buffer) => T): (name: string) => Snapshot<T> {
  const byName = new Map<string, Snapshot<T>>();
  return (name) => {
    const snapshot = byName.get(name) ?? new Snapshot(layout.control(name), parse);
    byName.set(name, snapshot);
    return snapshot;
  };
}

function isDangling(path: string): boolean {
  try {
    return fs.lstatSync(bytesPath(path)).isSymbolicLink();
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileTrouble(error);
  }
}
