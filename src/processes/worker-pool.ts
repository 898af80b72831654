// The session workers. Each connection goes to the one with the fewest sessions, so they share evenly whatever the sessions do; a worker that ends is replaced.
//
// Handing a socket over costs about 0.2 ms of CPU more than accepting in the worker (measured: 396 against 175 microseconds for an empty session), as node's
// cluster does too (382); in return the counts of connections are exact without asking anybody, and a connection waits here while no worker is there.

import type { Succession } from '../auth/rehash/successors.js';
import type { Layout } from '../layout.js';
import type { Log } from '../log.js';
import { newTicketKeys } from '../servers/server-tls.js';
import type { UserRates } from '../servers/smtp/submission/user-rates.js';
import type { ServedAddress, Settings } from '../settings.js';
import { answerAgentRequest } from './agent-requests.js';
import { answerCertificateRequest } from './certificates/requests.js';
import { Child } from './child.js';
import { LoginAnswers, type SharedGate } from './login/requests.js';
import type { FromChild, SharedLoginTerms, ToChild } from './messages.js';
import type { Ids } from './ownership.js';
import { answerRateRequest } from './rate-requests.js';
import { type Accepted, turnAway } from './reception.js';
import { answerRelayRequest } from './relay-requests.js';

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A worker that lived as long is replaced at once. */
const steadyMs = 10_000;
/** Beyond the drain time, for a child that does not end by itself. */
const graceMs = 2000;
/** Connections that may wait for a worker to start, when there is none. */
const waitingMost = 1000;

interface Worker {
  readonly child: Child;
  readonly sessions: Map<number, Accepted>;
  /** Connections on their way to it: another worker gets them when it ends first. */
  readonly unsent: Map<number, Accepted>;
  readonly logins: LoginAnswers;
  readonly startedAt: number;
  state: 'starting' | 'ready' | 'leaving';
}

export interface WorkerPoolOptions {
  readonly settings: Settings;
  readonly layout: Layout;
  readonly owner: Ids;
  readonly log: Log;
  /** Finds or starts the agent of an owner. @throws Error when there is to be none */
  readonly findAgent: (owner: Ids) => Promise<string>;
  /** Lets a client relay that has logged in. Never rejects. */
  readonly openRelay: (clientIp: string) => Promise<void>;
  /** What users have sent. */
  readonly rates: UserRates;
  readonly gate: SharedGate;
  readonly loginTerms: () => SharedLoginTerms;
  /** Tells all processes that hashes get others with the same passwords. */
  readonly announce: (successions: readonly Succession[]) => void;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<Worker>();
  readonly #waiting: Accepted[] = [];
  readonly #ticketKeys = newTicketKeys();
  #listening: readonly ServedAddress[] | undefined;
  #lastId = 0;
  #pauseMs = firstPauseMs;
  #isDraining = false;
  #settleStart: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Starts all workers; resolves when they are ready. @throws Error when one ends before */
  async start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#settleStart = { resolve, reject };
    });
    for (let n = 0; n < this.#options.settings.workers; n++) this.#startWorker();
    await started;
  }

  /** Tells all workers, of now and later, where the daemon listens. */
  listening(addresses: readonly ServedAddress[]): void {
    this.#listening = addresses;
    for (const { child } of this.#workers) child.send({ type: 'listening', addresses });
  }

  /** Tells all workers something. */
  broadcast(message: ToChild): void {
    for (const { child } of this.#workers) child.send(message);
  }

  /** Has a session for a connection. It has ended when the session is over, its worker has died, or there is none. */
  begin(connection: Accepted): void {
    const worker = this.#leastBusy();
    if (worker !== undefined) this.#hand(worker, connection);
    else if (this.#isDraining || this.#waiting.length >= waitingMost) {
      turnAway(connection.socket, connection.protocol, 'temporary trouble, try again later');
      connection.ended();
    } else this.#waiting.push(connection);
  }

  /** Ends all sessions, at the latest after `ms`, and all workers. */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    for (const { socket, protocol, ended } of this.#waiting.splice(0)) {
      turnAway(socket, protocol, 'shutting down, try again later');
      ended();
    }
    await Promise.all(
      [...this.#workers].map(({ child }) => {
        child.send({ type: 'drain', ms });
        return child.endWithin(ms + graceMs);
      }),
    );
  }

  /** Ends all workers at once, with whatever they do. */
  kill(): void {
    this.#isDraining = true;
    for (const { child } of this.#workers) child.kill();
  }

  #startWorker(): void {
    const { settings, owner, gate, loginTerms } = this.#options;
    const begin: ToChild = {
      type: 'begin',
      settings: { ...settings, listen: this.#listening ?? settings.listen },
      owner,
      logins: loginTerms(),
      ticketKeys: this.#ticketKeys,
    };
    const child = new Child('session', begin, {
      hear: (message) => this.#hear(worker, message),
      ended: (how) => this.#workerEnded(worker, how),
    });
    const worker: Worker = {
      child,
      logins: new LoginAnswers(gate, (message) => child.send(message)),
      sessions: new Map(),
      unsent: new Map(),
      startedAt: performance.now(),
      state: 'starting',
    };
    this.#workers.add(worker);
  }

  #hear(worker: Worker, message: FromChild): void {
    switch (message.type) {
      case 'ready':
        worker.state = 'ready';
        for (const connection of this.#waiting.splice(0)) this.begin(connection);
        if ([...this.#workers].every(({ state }) => state === 'ready')) this.#settleStart?.resolve();
        break;
      case 'closed':
        for (const id of message.ids) sessionEnded(worker, id);
        break;
      case 'leaving':
        if (worker.state === 'ready' && !this.#isDraining) this.#startWorker();
        worker.state = 'leaving';
        break;
      case 'move':
        this.#move(worker, message);
        break;
      case 'belong':
        worker.child.send({
          type: 'moved',
          id: message.id,
          refused: worker.sessions.get(message.id)?.belongTo(message.user),
        });
        break;
      case 'rate':
        void answerRateRequest(message, this.#options.rates, (answer) => worker.child.send(answer));
        break;
      case 'need-agent':
        void answerAgentRequest(message, this.#options, (answer) => worker.child.send(answer));
        break;
      case 'login-enter':
      case 'login-over':
      case 'login-failed':
      case 'login-known':
        worker.logins.hear(message);
        break;
      case 'rehash':
        this.#options.announce(message.successions);
        worker.child.send({ type: 'rehash-told', request: message.request });
        break;
      case 'open-relay':
        answerRelayRequest(message, this.#options.openRelay, (answer) => worker.child.send(answer));
        break;
      case 'certificate-identities':
      case 'certificate-read':
      case 'certificate-list':
        void answerCertificateRequest(message, this.#options, (answer) => worker.child.send(answer));
        break;
    }
  }

  #workerEnded(worker: Worker, how: string): void {
    this.#workers.delete(worker);
    worker.logins.gone();
    const unsent = [...worker.unsent];
    for (const [id] of unsent) worker.sessions.delete(id);
    const lost = worker.sessions.size;
    for (const id of [...worker.sessions.keys()]) sessionEnded(worker, id);
    for (const [, connection] of unsent) this.begin(connection);
    if (this.#isDraining) return;
    const isFirst = worker.state === 'starting';
    this.#settleStart?.reject(new Error(`a session worker ended with ${how} before it was ready`));
    // One that was leaving has been replaced already.
    if (worker.state === 'leaving') return;
    const pauseMs = this.#nextPause(isFirst ? 0 : performance.now() - worker.startedAt);
    this.#options.log.alert(
      `session worker ${worker.child.pid} ended with ${how}, ${lost} sessions lost; another starts in ${pauseMs} ms`,
    );
    setTimeout(() => {
      if (!this.#isDraining) this.#startWorker();
    }, pauseMs);
  }

  /** How long to wait before the next worker: not at all after a long life, longer each time after a short one. */
  #nextPause(livedMs: number): number {
    if (livedMs >= steadyMs) {
      this.#pauseMs = firstPauseMs;
      return 0;
    }
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    return pauseMs;
  }

  #leastBusy(): Worker | undefined {
    let least: Worker | undefined;
    for (const worker of this.#workers) {
      if (worker.state === 'ready' && worker.sessions.size < (least?.sessions.size ?? Number.POSITIVE_INFINITY))
        least = worker;
    }
    return least;
  }

  #hand(worker: Worker, connection: Accepted): void {
    const { socket, protocol, isUnix, ended } = connection;
    if (socket.destroyed) {
      ended();
      return;
    }
    const id = ++this.#lastId;
    worker.sessions.set(id, connection);
    worker.unsent.set(id, connection);
    worker.child.sendSocket({ type: 'session', id, protocol, isUnix }, socket, () => {
      worker.unsent.delete(id);
      socket.destroy();
    });
  }

  /** A session is for another client than the one that connected. One that is over is nobody's. */
  #move({ child, sessions }: Worker, { id, address }: Extract<FromChild, { type: 'move' }>): void {
    child.send({ type: 'moved', id, refused: sessions.get(id)?.moveTo(address) });
  }
}

function sessionEnded(worker: Worker, id: number): void {
  const session = worker.sessions.get(id);
  worker.sessions.delete(id);
  session?.ended();
}
