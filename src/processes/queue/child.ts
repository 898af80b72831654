// The queue process as the supervisor sees it: started first, and again whenever it ends. What it is, instead of qmail-send or beside it, is decided at the first start; one that
// starts again is that again, and when somebody has taken the lock in the meantime it waits for it, with an alert each time.

import { TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Settings } from '../../settings.js';
import { answerAgentRequest } from '../agents/agent-requests.js';
import { Child } from '../child.js';
import type { FromChild, ToChild } from '../messages.js';
import type { Ids } from '../ownership.js';
import type { QueueMode } from './service.js';

const shortPauseMs = 1000;
const longPauseMs = 10_000;
const graceMs = 2000;

export interface QueueChildOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** Finds or starts the agent of an owner. @throws Error when there is to be none */
  readonly findAgent: (owner: Ids) => Promise<string>;
}

export class QueueChild {
  readonly #options: QueueChildOptions;
  #child: Child | undefined;
  #mode: QueueMode | undefined;
  #isDraining = false;
  #isLeaving = false;
  #refusal: string | undefined;

  constructor(options: QueueChildOptions) {
    this.#options = options;
  }

  /** Starts it. @returns what it is. @throws TemporaryError with one line when it cannot be what was asked for */
  async start(): Promise<QueueMode> {
    return new Promise((resolve, reject) => this.#start(resolve, reject));
  }

  send(message: ToChild): void {
    this.#child?.send(message);
  }

  /** Lets running deliveries end, at the latest after `ms`. @param sessionsEnded until then messages are taken in */
  async drain(ms: number, sessionsEnded: Promise<void>): Promise<void> {
    this.#isDraining = true;
    this.#child?.send({ type: 'drain', ms });
    await sessionsEnded;
    this.#child?.send({ type: 'sessions-ended' });
    await this.#child?.endWithin(ms + graceMs);
  }

  kill(): void {
    this.#isDraining = true;
    this.#child?.kill();
  }

  #start(began: (mode: QueueMode) => void, failed: (error: Error) => void): void {
    this.#isLeaving = false;
    this.#refusal = undefined;
    const { settings } = this.#options;
    const queue = this.#mode === undefined || this.#mode === 'none' ? settings.queue : this.#mode;
    const begin: ToChild = { type: 'begin', settings: { ...settings, queue }, owner: { uid: 0, gid: 0 } };
    const child = new Child('queue', begin, {
      hear: (message) => this.#hear(child, message, began),
      ended: (how) => this.#ended(child, how, failed),
    });
    this.#child = child;
  }

  #hear(child: Child, message: FromChild, began: (mode: QueueMode) => void): void {
    if (message.type === 'need-agent') void answerAgentRequest(message, this.#options, (answer) => child.send(answer));
    if (message.type === 'leaving') this.#isLeaving = true;
    if (message.type === 'queue-refused') this.#refusal = message.text;
    if (message.type !== 'queue') return;
    this.#mode = message.mode;
    began(message.mode);
  }

  #ended(child: Child, how: string, failed: (error: Error) => void): void {
    if (this.#child === child) this.#child = undefined;
    if (this.#isDraining) return;
    if (this.#mode === undefined) {
      failed(new TemporaryError('4.3.5', this.#refusal ?? `the queue process ended with ${how} before it was ready`));
      return;
    }
    const pauseMs = this.#refusal === undefined ? shortPauseMs : longPauseMs;
    if (!this.#isLeaving)
      this.#options.log.alert(`queue process ${child.pid} ended with ${this.#refusal ?? how}; another starts`);
    setTimeout(() => {
      if (!this.#isDraining)
        this.#start(
          () => {},
          () => {},
        );
    }, pauseMs);
  }
}
