// The one process that stays root: it binds the sockets that the session workers accept from, and counts their connections; it reads no byte of any of them.
//
//   supervisor (root)     sockets, counts of connections, children
//   session workers       vpopmail:vchkpw; N of them, each with all protocols (processes/worker-pool.ts)
//   queue process         root, and called qmail-send while it stands in for that (processes/queue/child.ts)
//   agents                one for each other uid that owns a domain, on demand (processes/agents/agent-pool.ts)
//   watchers              vpopmail:vchkpw, and one for each other uid that owns a domain (processes/watcher/watcher-pool.ts)

import { RelayOpener } from '../admin/relay.js';
import type { Succession } from '../auth/rehash/successors.js';
import type { Log } from '../log.js';
import type { ServedAddress, Settings } from '../settings.js';
import type { Host } from '../stores/host.js';
import type { Recheck } from '../watch/recheck.js';
import { AgentPool } from './agents/agent-pool.js';
import { LoginKeeper } from './login/keeper.js';
import type { SharedLoginTerms, ToChild } from './messages.js';
import { type Ids, sessionOwner } from './ownership.js';
import type { PlaceKeeper } from './places/keeper.js';
import { QueueChild } from './queue/child.js';
import { KeptRates } from './rates/kept-rates.js';
import { WatcherPool } from './watcher/watcher-pool.js';
import { WorkerPool } from './worker-pool.js';

/** What the session workers serve. */
export interface Served {
  /** Of the sockets that they accept from. */
  readonly descriptors: readonly number[];
  readonly places: PlaceKeeper;
}

/** The children of a daemon that runs as root. */
export class Supervisor {
  readonly #agents: AgentPool;
  readonly #workers: WorkerPool;
  readonly #logins: LoginKeeper;
  readonly #rates: KeptRates;
  readonly #shared: { readonly settings: Settings; readonly host: Host; readonly log: Log; readonly owner: Ids };
  readonly #queue: QueueChild;
  #watchers: WatcherPool | undefined;

  /** @throws ConfigurationError when the host has no vpopmail and vchkpw */
  constructor(settings: Settings, host: Host, log: Log, served: Served) {
    const owner = sessionOwner(host.accounts, host.layout);
    const relay = new RelayOpener(host, { makesTable: settings.popBeforeSmtp === 'on' });
    const openRelay = (clientIp: string): Promise<void> => relay.open(clientIp);
    const findAgent = (other: Ids): Promise<string> => this.findAgent(other);
    const announce = (successions: readonly Succession[]): void =>
      this.#tellSessions({ type: 'rehashed', successions });
    this.#agents = new AgentPool({ settings, host, sessionOwner: owner, log, openRelay, announce });
    this.#logins = new LoginKeeper(settings, host, log, (areOffered) =>
      this.#workers.broadcast({ type: 'challenges', areOffered }),
    );
    const gate = this.#logins.gate;
    const loginTerms = (): SharedLoginTerms => this.#logins.terms;
    this.#rates = new KeptRates(settings.submission, host.layout.sentNumbers, log);
    const rates = this.#rates.keeper;
    const common = { settings, layout: host.layout, owner, log, ...served };
    this.#workers = new WorkerPool({ ...common, findAgent, openRelay, gate, loginTerms, announce, rates });
    this.#queue = new QueueChild({ settings, log, findAgent });
    this.#shared = { settings, host, log, owner };
  }

  /** Starts the workers; resolves when all are ready. @throws Error when one cannot become what it has to be */
  start(): Promise<void> {
    this.#logins.start();
    return this.#workers.start();
  }

  /** The socket of the agent of an owner, which is started if need be. @throws Error when there is to be none */
  findAgent(owner: Ids): Promise<string> {
    return this.#agents.find(owner);
  }

  /** Starts the queue process; resolves when it has decided what it is. @throws TemporaryError when it cannot be what was asked for */
  async startQueue(): Promise<void> {
    await this.#queue.start();
  }

  /** Tells the queue process what SIGHUP or SIGALRM means to qmail-send. */
  tellQueue(type: 'reread' | 'run-queue'): void {
    this.#queue.send({ type });
  }

  /** Lets all workers accept connections; resolves when they do. @throws TemporaryError when one cannot */
  listen(addresses: readonly ServedAddress[]): Promise<void> {
    return this.#workers.listen(addresses);
  }

  /** Tells all processes that have sessions. */
  #tellSessions(message: ToChild): void {
    this.#workers.broadcast(message);
    this.#agents.broadcast(message);
  }

  /** Begins to watch the host. @param controlsChanged is called when a control file changed */
  watch(controlsChanged: () => void): void {
    const { log } = this.#shared;
    const recheck = (which: Recheck): void => {
      this.#logins.accountsChanged();
      this.#tellSessions({ type: 'recheck', which });
    };
    this.#watchers = new WatcherPool({ ...this.#shared, consequences: { log, recheck, controlsChanged } });
    this.#watchers.start();
  }

  /** Lets all children end their sessions, at the latest after `ms`, and resolves when they are gone. */
  async drain(ms: number): Promise<void> {
    const watched = this.#watchers?.drain(ms);
    // Both may need agents.
    const sessions = this.#workers.drain(ms);
    await Promise.all([sessions, this.#queue.drain(ms, sessions)]);
    await this.#agents.drain(ms);
    this.#logins.close();
    await this.#rates.close();
    await watched;
  }

  /** Ends all children at once. */
  kill(): void {
    this.#logins.close();
    this.#watchers?.kill();
    this.#queue.kill();
    this.#workers.kill();
    this.#agents.kill();
  }
}
