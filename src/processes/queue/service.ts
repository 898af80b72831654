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

import { Resolver } from '../../delivery/resolution/resolve.js';
import { ConfigurationError } from '../../errors.js';
import { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import type { Enqueuer } from '../../queue/enqueue/enqueuer.js';
import { nativeEnqueuer } from '../../queue/enqueue/native-enqueuer.js';
import { calledByQueue, programEnqueuer, runsAsQueue } from '../../queue/enqueue/program-enqueuer.js';
import { QueueFiles } from '../../queue/files.js';
import { mutexHolder } from '../../queue/mutex.js';
import { QueueTree } from '../../queue/tree.js';
import type { QueueChoice, Settings } from '../../settings.js';
import { type Host, openHost } from '../../stores/host.js';
import type { Agents } from '../agents/agents.js';
import { claimQueue } from './claim.js';
import { OwnQueue } from './own-queue.js';
import { openQueueSocket } from './socket.js';

export type QueueMode = 'instead' | 'beside' | 'none';

export interface QueueService {
  readonly mode: QueueMode;
  /** How messages get into the queue from here; undefined without one. */
  readonly enqueuer: Enqueuer | undefined;
  /** SIGHUP. */
  reread(): void;
  /** SIGALRM. */
  runAll(): void;
  /**
   * SIGTERM: running deliveries may go on for so long. Resolves when the queue is given back.
   * @param sessionsEnded until then messages are taken in; at once, when there are no sessions
   */
  stop(withinMs: number, sessionsEnded?: Promise<unknown>): Promise<void>;
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
  const lock = await claimQueue(settings.queue, tree, host, log);
  if (typeof lock === 'string') return lock === 'beside' ? besides(host, tree, files, log) : without;
  return new OwnQueue({ settings, host, tree, files, log, lock, agents }).begun(log);
}

async function besides(host: Host, tree: QueueTree, files: QueueFiles, log: Log): Promise<QueueService> {
  const { layout, accounts } = host;
  const queue = layout.host(layout.queue);
  if (mutexHolder(tree) === 0)
    log.warning(
      `queue: beside, as it was asked for, but nobody holds ${layout.host(tree.mutex)}: what is queued waits in ${queue} until a qmail-send runs`,
    );
  else log.info(`queue: beside qmail-send, which works on ${queue}`);
  const { enqueuer, about } = await enqueuerBeside(host, tree, files);
  log.info(`queue: messages go into it ${about}`);
  const obey = async (): Promise<object> => ({ mode: 'beside' });
  const resolver = new Resolver(host);
  const hasMailbox = (recipient: string): boolean => resolver.hasSystemMailbox(recipient);
  const place = { path: layout.queueSocket, isFirst: false };
  const socket = await openQueueSocket({ ...place, enqueuer, accounts, obey, hasMailbox, log });
  return {
    ...without,
    mode: 'beside',
    enqueuer,
    async stop(withinMs, sessionsEnded) {
      await sessionsEnded;
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
