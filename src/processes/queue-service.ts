// The queue in one process: whether this host's queue is ours to work on, and the work (queue/manager).
//
//   --queue    lock/sendmutex      then
//   auto       free                instead: we are qmail-send
//   auto       held                beside: qmail-send is, and we queue what is not delivered at once
//   beside     not looked at       beside
//   instead    free                instead
//   instead    held                refuses to start
//   off        not looked at       none
//
// Decided once, told in the log, and never changed later. A host without a queue has `none`: what needs one is put off.
//
// While it stands in for qmail-send the process is called that: vpopmail's tools look for the word in the output of ps, people use pkill and killall. The name of the process
// is exactly `qmail-send`; what ps shows as its command says whose it is.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError, describe } from '../errors.js';
import type { HeldLock } from '../files/lock.js';
import { Layout } from '../layout.js';
import type { Log } from '../log.js';
import { readQueueControls } from '../queue/controls.js';
import type { EnqueueNotice } from '../queue/ending/bounce.js';
import type { Enqueuer } from '../queue/enqueue/enqueuer.js';
import { enqueue } from '../queue/enqueue/native.js';
import { nativeEnqueuer } from '../queue/enqueue/native-enqueuer.js';
import { calledByQueue, programEnqueuer, runsAsQueue } from '../queue/enqueue/program-enqueuer.js';
import { QueueFiles } from '../queue/files.js';
import { jsonQueueLog, lineQueueLog, type QueueLog } from '../queue/log.js';
import { QueueManager } from '../queue/manager.js';
import { isMutexHeld, takeMutex } from '../queue/mutex.js';
import type { QueueAnswer, QueueOrders } from '../queue/orders/frames.js';
import type { OrderResult } from '../queue/orders/order.js';
import { type QueueOwners, queueOwners } from '../queue/owners.js';
import { QueueTree } from '../queue/tree.js';
import { formerSpawners } from '../queue/upkeep/former-spawners.js';
import type { QueueChoice, Settings } from '../settings.js';
import { type Host, openHost } from '../stores/host.js';
import type { Agents } from './agents.js';
import { type EnqueueHere, openChannels } from './queue-channels.js';
import { openQueueSocket, type QueueSocket } from './queue-socket.js';

export type QueueMode = 'instead' | 'beside' | 'none';

export interface QueueService {
  readonly mode: QueueMode;
  /** How messages get into the queue from here; undefined without one. */
  readonly enqueuer: Enqueuer | undefined;
  /** SIGHUP. */
  reread(): void;
  /** SIGALRM. */
  runAll(): void;
  /** SIGTERM: running deliveries may go on for so long. Resolves when the queue is given back. */
  stop(withinMs: number): Promise<void>;
}

const without: QueueService = { mode: 'none', enqueuer: undefined, reread() {}, runAll() {}, async stop() {} };

/**
 * Takes up the queue of the host, or not.
 * @param agents write into Maildirs of other uids; without them each such delivery has a process of its own
 * @throws ConfigurationError when `instead` was asked for and cannot be
 */
export async function openQueue(settings: Settings, log: Log, agents?: Agents): Promise<QueueService> {
  const host = openHost(new Layout(settings.layout), log);
  const files = new QueueFiles();
  const tree = await QueueTree.open(host.layout, files);
  if (settings.queue === 'off') return without;
  if (tree === undefined) return withoutQueue(settings.queue, host, log);
  if (settings.queue === 'beside') return besides(host, tree, files, log);
  const lock = takeQueue(settings.queue, tree, host, log);
  if (typeof lock === 'string') return lock === 'beside' ? besides(host, tree, files, log) : without;
  log.info(`queue: instead of qmail-send, whose lock is free: ${host.layout.host(tree.mutex)}`);
  return new OwnQueue({ settings, host, tree, files, log, lock, agents }).begun(log);
}

async function besides(host: Host, tree: QueueTree, files: QueueFiles, log: Log): Promise<QueueService> {
  const { layout, accounts } = host;
  const queue = layout.host(layout.queue);
  if (isMutexHeld(tree) === false)
    log.warning(
      `queue: beside, as it was asked for, but nobody holds ${layout.host(tree.mutex)}: what is queued waits in ${queue} until a qmail-send runs`,
    );
  else log.info(`queue: beside qmail-send, which works on ${queue}`);
  const { enqueuer, about } = await enqueuerBeside(host, tree, files);
  log.info(`queue: messages go into it ${about}`);
  const obey = async (): Promise<object> => ({ mode: 'beside' });
  const socket = await openQueueSocket({ path: layout.queueSocket, enqueuer, accounts, obey, log });
  return {
    ...without,
    mode: 'beside',
    enqueuer,
    async stop(withinMs) {
      await socket?.close(withinMs);
    },
  };
}

/** The host's own qmail-queue where it runs, as it may be more than that (a scanner); else its steps, done here. */
async function enqueuerBeside(
  host: Host,
  tree: QueueTree,
  files: QueueFiles,
): Promise<{ readonly enqueuer: Enqueuer; readonly about: string }> {
  const { layout, accounts } = host;
  const path = layout.qmailProgram('bin/qmail-queue');
  const environment = { ...process.env, [calledByQueue]: '1' };
  const program = { path, directory: layout.qmail, environment, accounts };
  if (await runsAsQueue(program, { invokedBy: 'network' }))
    return { enqueuer: programEnqueuer(program), about: `through ${layout.host(path)}` };
  return {
    enqueuer: nativeEnqueuer({ tree, files, accounts }),
    about: `as qmail-queue puts them there; ${layout.host(path)} does not run`,
  };
}

function withoutQueue(choice: QueueChoice, host: Host, log: Log): QueueService {
  const directory = host.layout.host(host.layout.queue);
  if (choice === 'instead') throw new ConfigurationError(directory, undefined, 'cannot start: there is no queue');
  log.info(`queue: none, there is no ${directory}; mail that needs it is put off`);
  return without;
}

/** @returns the lock, or what we are without it */
function takeQueue(choice: QueueChoice, tree: QueueTree, host: Host, log: Log): HeldLock | 'beside' | 'none' {
  const mutex = host.layout.host(tree.mutex);
  const refuse = (text: string, cause?: unknown): 'none' => {
    if (choice === 'instead') throw new ConfigurationError(mutex, undefined, `cannot start: ${text}`, cause);
    log.alert(
      `queue: cannot start: ${text}; mail that needs it is put off${cause === undefined ? '' : `: ${describe(cause)}`}`,
    );
    return 'none';
  };
  try {
    readQueueControls(host.control);
  } catch (error) {
    return refuse('unable to read controls', error);
  }
  let lock: HeldLock | undefined;
  try {
    lock = takeMutex(tree);
  } catch (error) {
    return refuse('unable to open mutex', error);
  }
  if (lock !== undefined) return lock;
  if (choice !== 'instead') return 'beside';
  refuse('qmail-send is already running and holds this lock; stop it first, or serve with --queue beside');
  return 'none';
}

/** How often is looked whether a former qmail-send's deliveries have ended. */
const lookMs = 200;

interface OwnQueueParts {
  readonly settings: Settings;
  readonly host: Host;
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly log: Log;
  readonly lock: HeldLock;
  readonly agents: Agents | undefined;
}

/** The queue that is ours. */
class OwnQueue {
  readonly #manager: QueueManager;
  readonly #tree: QueueTree;
  readonly #log: QueueLog;
  readonly #lock: HeldLock;
  readonly #host: Host;
  readonly #enqueuer: Enqueuer;
  #socket: QueueSocket | undefined;
  #isStopping = false;
  #beginning: Promise<void> = Promise.resolve();

  constructor({ settings, host, tree, files, log, lock, agents }: OwnQueueParts) {
    const owners = queueOwners(tree, host.accounts);
    const nextNumber = messageNumbers();
    const enqueueAs = enqueueHere(tree, files, owners, nextNumber);
    this.#enqueuer = nativeEnqueuer({ tree, files, accounts: host.accounts, nextNumber });
    this.#host = host;
    this.#tree = tree;
    this.#lock = lock;
    this.#log = queueLog(settings, log);
    this.#manager = new QueueManager({
      tree,
      files,
      owners,
      control: host.control,
      controls: readQueueControls(host.control, settings.spawnLimit),
      channels: openChannels({ host, settings, log, enqueue: enqueueAs, agents }),
      enqueue: noticesAsQmails(enqueueAs, owners),
      log: this.#log,
    });
  }

  async begun(log: Log): Promise<QueueService> {
    process.title = 'qmail-send (vqmail)';
    nameProcess('qmail-send');
    this.#beginning = this.#begin();
    const { layout, accounts } = this.#host;
    const enqueuer = this.#enqueuer;
    const obey = (orders: unknown): Promise<object> => this.#obey(orders);
    this.#socket = await openQueueSocket({ path: layout.queueSocket, enqueuer, accounts, obey, log });
    return {
      mode: 'instead',
      enqueuer,
      reread: () => this.#manager.reread(),
      runAll: () => this.#manager.runAll(),
      stop: (withinMs) => this.#stop(withinMs),
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

  async #stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    const closed = this.#socket?.close(withinMs);
    await this.#manager.stop(withinMs);
    await closed;
    await this.#beginning;
    this.#lock.release();
  }
}

/** Each message has a number of its own, by which the lines of the log are joined; there is no process of qmail-queue to have one. */
function messageNumbers(): () => number {
  let queued = 0;
  return () => process.pid + ++queued;
}

function enqueueHere(tree: QueueTree, files: QueueFiles, owners: QueueOwners, nextNumber: () => number): EnqueueHere {
  return ({ gid, ...request }) => {
    const owner = owners.queue && { uid: owners.queue.uid, gid };
    const pid = nextNumber();
    return enqueue({ tree, files, owner }, { ...request, pid, nowSeconds: Math.floor(Date.now() / 1000) });
  };
}

/** Notices are queued by qmails, as qmail-send's are. */
function noticesAsQmails(enqueueAs: EnqueueHere, owners: QueueOwners): EnqueueNotice {
  const { uid, gid } = owners.send ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return (notice) => enqueueAs({ ...notice, invokedBy: 'bounce', uid, gid });
}

function queueLog({ logFormat }: Settings, log: Log): QueueLog {
  if (logFormat === 'text') return lineQueueLog(log);
  return jsonQueueLog((line) => {
    process.stderr.write(line);
  });
}

/** The name that pkill, killall and pidof compare; the title alone is cut after 15 bytes. */
function nameProcess(name: string): void {
  try {
    fs.writeFileSync('/proc/self/comm', name);
  } catch {
    // Not on this system: the title has the word too.
  }
}
