// Relaying for clients that have logged in, as a server needs it: many logins a second, most of them from addresses that may relay already.
//
//   the address, in open-smtp                     open()
//   is there, not older than five minutes         resolves at once, nothing is written (vpopmail keeps a client for three hours)
//   is there, older                               resolves at once; its line is renewed with the next write
//   is not there                                  resolves when it is, smtp.cdb too, or after five seconds: then the client may have to try again
//   is no IP address                              resolves at once
//   is not there, nor is the file                 as the options say: a host that never had roaming users gets none from us unasked
//
// What is asked for during a write is done by the next one, all together. Only the process that may write /etc/tcp can do this: under a supervisor that is the
// supervisor itself (processes/messages.ts), and the others ask it only where there is something to do. Trouble is a line in the log, not more than one a minute, and stops no login.

import { setTimeout as pause } from 'node:timers/promises';
import { describe } from '../errors.js';
import { Snapshot } from '../files/snapshot.js';
import { parseOpenSmtp, relayAddress } from '../formats/vpopmail/open-smtp.js';
import type { Layout } from '../layout.js';
import type { Host } from '../stores/host.js';
import { RelayTable } from '../stores/relay-table.js';

const renewAfterSeconds = 300;
const patienceMs = 5_000;
const quietMs = 60_000;

export interface RelayOpenerOptions {
  /** Whether open-smtp is made where there is none; true unless given. */
  readonly makesTable?: boolean;
}

/** Who may relay by a login, as open-smtp says at the moment. For any process that may read the file. */
export class RelayLogins {
  readonly #makesTable: boolean;
  readonly #known: Snapshot<ReadonlyMap<string, number>>;

  constructor(layout: Layout, { makesTable = true }: RelayOpenerOptions = {}) {
    this.#makesTable = makesTable;
    this.#known = new Snapshot(layout.etc('open-smtp'), (bytes) => timesByAddress(bytes));
  }

  /** What a login of this client asks for. @param clientIp as tcpserver writes it */
  wanted(clientIp: string): 'nothing' | 'renewal' | 'entry' {
    const address = relayAddress(clientIp);
    if (address === undefined) return 'nothing';
    const known = this.#logins();
    if (known === 'none') return this.#makesTable ? 'entry' : 'nothing';
    const since = known.get(address);
    if (since === undefined) return 'entry';
    return Date.now() / 1000 - since < renewAfterSeconds ? 'nothing' : 'renewal';
  }

  /** The times of the logins by address; `none` without the file. */
  #logins(): ReadonlyMap<string, number> | 'none' {
    try {
      return this.#known.get() ?? 'none';
    } catch {
      // Writing it will tell the trouble.
      return new Map();
    }
  }
}

export class RelayOpener {
  readonly #host: Host;
  readonly #table: RelayTable;
  readonly #logins: RelayLogins;
  #asked = new Set<string>();
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(host: Host, options: RelayOpenerOptions = {}) {
    this.#host = host;
    this.#table = new RelayTable(host.layout, host.accounts, host.log);
    this.#logins = new RelayLogins(host.layout, options);
  }

  /** Lets a client relay that has logged in. Never rejects. @param clientIp as tcpserver writes it */
  async open(clientIp: string): Promise<void> {
    const wanted = this.#logins.wanted(clientIp);
    if (wanted === 'nothing') return;
    this.#asked.add(clientIp);
    const written = this.#write();
    if (wanted === 'renewal') return;
    const patience = new AbortController();
    await Promise.race([written, pause(patienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#next;
    await this.#writing;
  }

  /** Resolves when everything that was asked for until now is written. */
  #write(): Promise<void> {
    if (this.#writing === undefined) return this.#begin();
    this.#next ??= this.#writing.then(() => this.#begin());
    return this.#next;
  }

  #begin(): Promise<void> {
    const clientIps = [...this.#asked];
    this.#asked = new Set();
    this.#next = undefined;
    this.#writing = this.#table
      .open(clientIps, Math.floor(Date.now() / 1000))
      .then(
        () => {},
        (error: unknown) => this.#warn(error),
      )
      .finally(() => {
        this.#writing = undefined;
      });
    return this.#writing;
  }

  #warn(error: unknown): void {
    if (performance.now() < this.#warnedAt + quietMs) return;
    this.#warnedAt = performance.now();
    this.#host.log.warning(`clients that logged in cannot be let relay: ${describe(error)}`);
  }
}

function timesByAddress(bytes: Buffer): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const line of parseOpenSmtp(bytes).lines) if (line.kind === 'entry') times.set(line.address, line.unixSeconds);
  return times;
}
