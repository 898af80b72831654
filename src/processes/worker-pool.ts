// The session workers. Each accepts from the sockets that the supervisor has bound: whoever has nothing to do is first. A worker that ends is replaced, and connections wait in the sockets while
// no worker is there.
//
// Accepting here and handing each connection over would cost twice the processor time of an empty session (measured: 210 to 240 microseconds, against 100 to 115).

import type { Succession } from '../auth/rehash/successors.js';
import { TemporaryError } from '../errors.js';
import type { Layout } from '../layout.js';
import type { Log } from '../log.js';
import { newTicketKeys } from '../servers/server-tls.js';
import type { UserRates } from '../servers/smtp/submission/user-rates.js';
import type { ServedAddress, Settings } from '../settings.js';
import { answerAgentRequest } from './agents/agent-requests.js';
import { answerCertificateRequest } from './certificates/requests.js';
import { Child } from './child.js';
import { LoginAnswers, type SharedGate } from './login/requests.js';
import type { FromChild, SharedLoginTerms, ToChild } from './messages.js';
import type { Ids } from './ownership.js';
import type { PlaceKeeper } from './places/keeper.js';
import { PlaceAnswers } from './places/requests.js';
import { answerRateRequest } from './rates/rate-requests.js';
import { answerRelayRequest } from './relay-requests.js';

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A worker that lived as long is replaced at once. */
const steadyMs = 10_000;
/** Beyond the drain time, for a child that does not end by itself. */
const graceMs = 2000;

interface Worker {
  readonly child: Child;
  readonly places: PlaceAnswers;
  readonly logins: LoginAnswers;
  readonly startedAt: number;
  state: 'starting' | 'ready' | 'accepting' | 'leaving';
}

export interface WorkerPoolOptions {
  readonly settings: Settings;
  readonly layout: Layout;
  readonly owner: Ids;
  readonly log: Log;
  /** Of the sockets that they accept from. */
  readonly descriptors: readonly number[];
  readonly places: PlaceKeeper;
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
  readonly #ticketKeys = newTicketKeys();
  #listening: readonly ServedAddress[] | undefined;
  #pauseMs = firstPauseMs;
  #isDraining = false;
  #awaited: { state: Worker['state']; resolve(): void; reject(error: Error): void } | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Starts all workers; resolves when they are ready. @throws Error when one ends before */
  async start(): Promise<void> {
    for (let n = 0; n < this.#options.settings.workers; n++) this.#startWorker();
    await this.#allAre('ready');
  }

  /**
   * Lets all workers, of now and later, accept connections; resolves when those of now do.
   * @param addresses of the sockets, with the ports that were picked
   * @throws TemporaryError when one cannot be listened at
   */
  async listen(addresses: readonly ServedAddress[]): Promise<void> {
    this.#listening = addresses;
    this.broadcast({ type: 'listening', addresses });
    await this.#allAre('accepting');
  }

  /** Tells all workers something. */
  broadcast(message: ToChild): void {
    for (const { child } of this.#workers) child.send(message);
  }

  /** Ends all sessions, at the latest after `ms`, and all workers. */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
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
    const { settings, owner, descriptors, gate, places, loginTerms } = this.#options;
    const begin: ToChild = {
      type: 'begin',
      settings,
      owner,
      logins: loginTerms(),
      ticketKeys: this.#ticketKeys,
    };
    const events = {
      hear: (message: FromChild) => this.#hear(worker, message),
      ended: (how: string) => this.#workerEnded(worker, how),
    };
    const child = new Child('session', begin, events, descriptors);
    const worker: Worker = {
      child,
      logins: new LoginAnswers(gate, (message) => child.send(message)),
      places: new PlaceAnswers(places, (message) => child.send(message)),
      startedAt: performance.now(),
      state: 'starting',
    };
    this.#workers.add(worker);
    if (this.#listening !== undefined) child.send({ type: 'listening', addresses: this.#listening });
  }

  #allAre(state: Worker['state']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited = { state, resolve, reject };
    });
  }

  #is(worker: Worker, state: Worker['state']): void {
    worker.state = state;
    if (this.#awaited?.state === state && [...this.#workers].every((other) => other.state === state))
      this.#awaited.resolve();
  }

  #hear(worker: Worker, message: FromChild): void {
    switch (message.type) {
      case 'ready':
        this.#is(worker, 'ready');
        break;
      case 'accepting':
        if (message.refused === undefined) this.#is(worker, 'accepting');
        else this.#cannotAccept(worker, message.refused);
        break;
      case 'leaving':
        if (worker.state !== 'starting' && worker.state !== 'leaving' && !this.#isDraining) this.#startWorker();
        worker.state = 'leaving';
        break;
      case 'place-enter':
      case 'places':
      case 'move':
      case 'belong':
        worker.places.hear(message);
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
    const lost = worker.places.sessions;
    worker.places.gone();
    if (this.#isDraining) return;
    const isFirst = worker.state === 'starting';
    this.#awaited?.reject(new Error(`a session worker ended with ${how} before it was ready`));
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

  #cannotAccept({ child }: Worker, why: string): void {
    if (this.#awaited?.state === 'accepting') this.#awaited.reject(new TemporaryError('4.3.0', why));
    this.#options.log.alert(`session worker ${child.pid}: ${why}`);
  }
}
