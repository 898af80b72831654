// The queue that is ours: the work on it (queue/manager), and the ways in which messages and orders come to it in this process.
//
// The process is called as qmail-send is: vpopmail's tools look for the word in the output of ps, people use pkill and killall. The name of the process is exactly `qmail-send`; what ps
// shows as its command says whose it is.
//
// While it ends, sessions that are still there may hand messages in: the socket closes last, and what came lies in todo/ for whoever takes the queue up.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Resolver } from '../../delivery/resolution/resolve.js';
import { describe } from '../../errors.js';
import type { HeldLock } from '../../files/locks/lock.js';
import { type Log, lineLog } from '../../log.js';
import { readQueueControls } from '../../queue/controls.js';
import type { EnqueueNotice } from '../../queue/ending/bounce.js';
import { type Enqueuer, enqueueWhole } from '../../queue/enqueue/enqueuer.js';
import type { FirstTries } from '../../queue/enqueue/native.js';
import { nativeEnqueuer } from '../../queue/enqueue/native-enqueuer.js';
import { programEnqueuer } from '../../queue/enqueue/program-enqueuer.js';
import type { QueueFiles } from '../../queue/files.js';
import { gathered, jsonQueueLog, lineQueueLog, type QueueLog } from '../../queue/log.js';
import { QueueManager } from '../../queue/manager.js';
import type { QueueAnswer, QueueOrders } from '../../queue/orders/frames.js';
import type { OrderResult } from '../../queue/orders/order.js';
import { queueOwners } from '../../queue/owners.js';
import type { QueueTree } from '../../queue/tree.js';
import { formerSpawners } from '../../queue/upkeep/former-spawners.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import type { Agents } from '../agents/agents.js';
import { type OpenChannels, openChannels } from './channels.js';
import { ownTitle } from './claim.js';
import type { QueueService } from './service.js';
import { openQueueSocket, type QueueSocket } from './socket.js';

/** How often is looked whether a former qmail-send's deliveries have ended. */
const lookMs = 200;

export interface OwnQueueParts {
  readonly settings: Settings;
  readonly host: Host;
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly log: Log;
  readonly lock: HeldLock;
  readonly agents: Agents | undefined;
}

/** The queue that is ours. */
export class OwnQueue {
  readonly #manager: QueueManager;
  readonly #channels: OpenChannels;
  readonly #tree: QueueTree;
  readonly #log: QueueLog;
  readonly #lock: HeldLock;
  readonly #host: Host;
  readonly #enqueuer: Enqueuer;
  readonly #resolver: Resolver;
  #socket: QueueSocket | undefined;
  #isStopping = false;
  #beginning: Promise<void> = Promise.resolve();

  constructor({ settings, host, tree, files, log, lock, agents }: OwnQueueParts) {
    const owners = queueOwners(tree, host.accounts);
    // What is queued here needs no trigger.
    const wake = (id: string): void => this.#manager.found(id);
    let queued = 0;
    const nextNumber = (): number => process.pid + ++queued;
    const here = { tree, files, accounts: host.accounts, nextNumber, wake };
    const firstTries: FirstTries = {
      offer: (message) => this.#manager.firstTries.offer(message),
      gaveUp: (id, over) => this.#manager.firstTries.gaveUp(id, over),
    };
    this.#enqueuer = nativeEnqueuer({ ...here, firstTries });
    // Not of these: a delivery would wait for another one.
    const enqueuer = ownWay(host, nativeEnqueuer(here));
    this.#host = host;
    this.#resolver = new Resolver(host, settings);
    this.#tree = tree;
    this.#lock = lock;
    this.#log = queueLog(settings);
    this.#channels = openChannels({ host, settings, log, enqueuer, messageOwner: owners.queue?.uid, agents });
    this.#manager = new QueueManager({
      tree,
      files,
      owners,
      control: host.control,
      controls: readQueueControls(host.control, settings.spawnLimit),
      channels: this.#channels.channels,
      enqueue: noticesBy(enqueuer),
      log: this.#log,
    });
  }

  async begun(log: Log): Promise<QueueService> {
    process.title = ownTitle;
    nameProcess('qmail-send');
    const { layout, accounts } = this.#host;
    log.info(`queue: instead of qmail-send, whose lock is free: ${layout.host(this.#tree.mutex)}`);
    this.#beginning = this.#begin();
    const enqueuer = this.#enqueuer;
    const obey = (orders: unknown): Promise<object> => this.#obey(orders);
    const hasMailbox = (recipient: string): boolean => this.#resolver.hasSystemMailbox(recipient);
    const place = { path: layout.queueSocket, isFirst: true };
    this.#socket = await openQueueSocket({ ...place, enqueuer, accounts, obey, hasMailbox, log });
    return {
      mode: 'instead',
      enqueuer,
      reread: () => this.#manager.reread(),
      runAll: () => this.#manager.runAll(),
      stop: (withinMs, sessionsEnded) => this.#stop(withinMs, sessionsEnded),
    };
  }

  async #begin(): Promise<void> {
    let isTold = false;
    while (!this.#isStopping && formerSpawners(this.#tree).length > 0) {
      if (!isTold)
        this.#log({ event: 'note', text: 'queue: waiting until the deliveries of the former qmail-send have ended' });
      isTold = true;
      await pause(lookMs);
    }
    if (this.#isStopping) return;
    try {
      await this.#manager.start();
    } catch (error) {
      this.#log({ event: 'alert', text: `queue: cannot start: ${describe(error)}` });
    }
  }

  async #obey(orders: unknown): Promise<QueueAnswer> {
    const { order, ids = [] } = orders as QueueOrders;
    if (order === 'times') return { mode: 'instead', times: Object.fromEntries(this.#manager.times()) };
    const results: Record<string, OrderResult> = {};
    if (order !== undefined) for (const id of ids) results[id] = await this.#manager.obey(order, id);
    return { mode: 'instead', results };
  }

  async #stop(withinMs: number, sessionsEnded: Promise<unknown> | undefined): Promise<void> {
    const deadline = performance.now() + withinMs;
    this.#isStopping = true;
    await this.#manager.stop(withinMs);
    this.#channels.end();
    await sessionsEnded;
    await this.#socket?.close(Math.max(0, deadline - performance.now()));
    await this.#beginning;
    this.#lock.release();
  }
}

/** The way of what is made here, forwards and notices: a program in the place of qmail-queue gets these too, as it gets qmail-send's and qmail-local's. */
function ownWay({ layout, accounts }: Host, native: Enqueuer): Enqueuer {
  const { QMAILQUEUE: program } = process.env;
  if (program === undefined) return native;
  return programEnqueuer({ path: layout.qmailProgram(program), directory: layout.qmail, accounts });
}

/** Notices are queued by qmails, as qmail-send's are. */
function noticesBy(enqueuer: Enqueuer): EnqueueNotice {
  return async ({ message, ...envelope }) => ({
    qp: await enqueueWhole(enqueuer, { invokedBy: 'bounce' }, envelope, message),
  });
}

function queueLog({ logFormat }: Settings): QueueLog {
  const write = gathered((lines) => void process.stderr.write(lines));
  return logFormat === 'text' ? lineQueueLog(lineLog(write)) : jsonQueueLog(write);
}

/** The name that pkill, killall and pidof compare; the title alone is cut after 15 bytes. */
function nameProcess(name: string): void {
  try {
    fs.writeFileSync('/proc/self/comm', name);
  } catch {
    // Not on this system: the title has the word too.
  }
}
