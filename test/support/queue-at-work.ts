// A queue of the test's own with a manager on it, deliveries that the test answers, and a clock that it moves.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeliveryAttempt, DeliveryChannel, DeliveryReport } from '../../src/delivery/report.js';
import type { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { readQueueControls } from '../../src/queue/controls.js';
import { enqueue, NativeMessage } from '../../src/queue/enqueue/native.js';
import { type BeforeAct, QueueFiles } from '../../src/queue/files.js';
import { lineQueueLog } from '../../src/queue/log.js';
import { QueueManager } from '../../src/queue/manager.js';
import { queueOwners } from '../../src/queue/owners.js';
import { QueueTree } from '../../src/queue/tree.js';
import { openHost } from '../../src/stores/host.js';
import { HandClock } from './queue-clock.js';
import { makeQueue } from './queue-host.js';
import { countQueue } from './queue-reader.js';
import { removeRoot } from './recording.js';

/** An attempt that runs until the test ends it. */
export interface RunningAttempt extends DeliveryAttempt {
  readonly channel: string;
  /** Ends it with the same report for all recipients. */
  readonly end: (report: DeliveryReport) => void;
}

export const success: DeliveryReport = { outcome: 'success', text: 'ok\n' };
export const deferral: DeliveryReport = { outcome: 'deferral', text: 'later\n' };
export const failure: DeliveryReport = { outcome: 'failure', text: 'no\n' };

export interface AtWorkOptions {
  readonly controls?: Readonly<Record<string, string>>;
  readonly split?: number;
  readonly bigTodo?: boolean;
  readonly before?: BeforeAct;
  /** What an attempt is answered at once; undefined: it runs on. */
  readonly answer?: (recipient: string, attempt: DeliveryAttempt) => DeliveryReport | undefined;
}

export class QueueAtWork {
  readonly root = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'vqmail-queue-'));
  readonly layout: Layout;
  readonly clock = new HandClock();
  readonly log: string[] = [];
  readonly attempts: RunningAttempt[] = [];
  readonly #options: AtWorkOptions;
  readonly #files: QueueFiles;
  #tree: QueueTree | undefined;
  manager: QueueManager | undefined;

  constructor(options: AtWorkOptions = {}) {
    this.#options = options;
    this.layout = makeQueue(this.root, options);
    this.#files = new QueueFiles(options.before);
    const controls = { me: 'local.example\n', ...options.controls };
    for (const [name, text] of Object.entries(controls)) writeFileSync(this.layout.control(name), text);
  }

  get tree(): QueueTree {
    assert.ok(this.#tree);
    return this.#tree;
  }

  async open(): Promise<void> {
    this.#tree ??= await QueueTree.open(this.layout, this.#files);
  }

  async start(): Promise<void> {
    await this.open();
    const host = openHost(this.layout);
    const tree = this.tree;
    const files = this.#files;
    const owners = queueOwners(tree, host.accounts);
    this.manager = new QueueManager({
      tree,
      files,
      owners,
      control: host.control,
      controls: readQueueControls(host.control),
      channels: { local: this.#channel('local'), remote: this.#channel('remote') },
      enqueue: ({ message, sender, recipients }) => {
        const invoker = { uid: 0, pid: 77, nowSeconds: this.clock.now(), invokedBy: 'bounce' as const };
        return enqueue({ tree, files, owner: owners.queue }, { message, sender, recipients, ...invoker });
      },
      log: lineQueueLog(lineLog((line) => this.log.push(line.slice(0, -1)))),
      clock: this.clock,
    });
    await this.manager.start();
  }

  /** Queues a message. @returns its number */
  async queue(recipients: readonly string[], sender = 'sender@local.example'): Promise<string> {
    await this.open();
    const invoker = { uid: 0, pid: 42, nowSeconds: this.clock.now(), invokedBy: 'network' as const };
    const message = Buffer.from('Subject: x\n\ny\n');
    const place = { tree: this.tree, files: new QueueFiles(), owner: undefined };
    return (await enqueue(place, { message, sender, recipients, ...invoker })).id;
  }

  /** Queues a message that the manager may try first. @returns its number @throws EnqueueError */
  async handIn(recipient: string, sender = 'sender@local.example'): Promise<string> {
    const invoker = { uid: 0, pid: 42, nowSeconds: this.clock.now(), invokedBy: 'network' as const };
    const wake = (id: string): void => this.manager?.found(id);
    const firstTries = this.manager?.firstTries;
    const message = NativeMessage.begin(
      { tree: this.tree, files: this.#files, owner: undefined, wake, firstTries },
      invoker,
    );
    const envelope = { sender, recipients: [recipient] };
    try {
      message.write(Buffer.from('Subject: x\n\ny\n'));
      if (await message.offer(envelope)) return message.id;
      await message.finish();
      await message.commit(envelope);
      return message.id;
    } catch (error) {
      message.discard();
      throw error;
    }
  }

  /** Waits until `check` holds. */
  async until(check: () => boolean, what = check.toString()): Promise<void> {
    for (const deadline = performance.now() + 60_000; !check(); await pause(5))
      assert.ok(performance.now() < deadline, `${what}\n${this.log.slice(-40).join('\n')}`);
  }

  /** Waits until the queue is empty. */
  emptied(): Promise<void> {
    return this.until(() => countQueue(this.layout.queue).all === 0, 'empty');
  }

  /** Waits until nothing happens any more. */
  async settled(): Promise<void> {
    for (let before = -1; before !== this.log.length; await pause(60)) before = this.log.length;
  }

  async close(): Promise<void> {
    await this.manager?.stop(100);
    removeRoot(this.root);
  }

  #channel(channel: string): DeliveryChannel {
    return {
      deliver: (attempt, report) =>
        new Promise((resolve) => {
          let left = attempt.recipients.length;
          const tell = (index: number, told: DeliveryReport): void => {
            report(index, told);
            if (--left === 0) resolve();
          };
          const open = attempt.recipients.flatMap((recipient, index) => {
            const told = this.#options.answer?.(recipient, attempt);
            if (told !== undefined) setImmediate(() => tell(index, told));
            return told === undefined ? [index] : [];
          });
          if (open.length === 0) return;
          const running: RunningAttempt = {
            ...attempt,
            channel,
            end: (told) => {
              this.attempts.splice(this.attempts.indexOf(running), 1);
              for (const index of open) tell(index, told);
            },
          };
          this.attempts.push(running);
        }),
      close: async () => {},
    };
  }
}

/** Does `work` with a queue and removes it. */
export async function withQueueAtWork(
  options: AtWorkOptions,
  work: (queue: QueueAtWork) => Promise<void>,
): Promise<void> {
  const queue = new QueueAtWork(options);
  try {
    await work(queue);
  } finally {
    await queue.close();
  }
}
