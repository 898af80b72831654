// The way from a tool into the queue. Programs that qmail calls go through bin/qmail-queue, or what QMAILQUEUE names, as qmail's own do; where the host has no such program, and
// for our qmail-queue itself:
//
//   this user may write the queue     written here, in qmail-queue's steps
//   it may not                        handed to the queue process of a running `vqmail serve`, which knows who this is
//
// A qmail-queue that the queue process calls does not ask back.

import fs from 'node:fs';
import { TemporaryError } from '../../errors.js';
import { SystemAccounts } from '../../files/accounts.js';
import { isRunnable } from '../../files/programs/runnable.js';
import { bytesPath } from '../../files/read.js';
import type { Enqueuer, Submitter } from '../../queue/enqueue/enqueuer.js';
import { queueError } from '../../queue/enqueue/exit-codes.js';
import { socketEnqueuer } from '../../queue/enqueue/over-socket.js';
import { calledByQueue, programEnqueuer } from '../../queue/enqueue/program-enqueuer.js';
import { QueueFiles } from '../../queue/files.js';
import { QueueTree } from '../../queue/tree.js';
import type { ToolIo } from '../tool-io.js';

/** A queue that this process writes itself. */
export interface WritableQueue {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly accounts: SystemAccounts;
}

/** The queue, when this user may write it. @throws ConfigurationError when its directories make no queue */
export async function writableQueue(io: ToolIo): Promise<WritableQueue | undefined> {
  const { mayQueueNatively } = await import('../../queue/enqueue/native-enqueuer.js');
  const files = new QueueFiles();
  try {
    const tree = await QueueTree.open(io.layout, files);
    if (tree === undefined || !mayQueueNatively(tree)) return undefined;
    return { tree, files, accounts: new SystemAccounts(io.layout) };
  } catch (error) {
    // Not even its names may be read.
    if (error instanceof TemporaryError) return undefined;
    throw error;
  }
}

/** The queue without any program in between. */
export async function ownQueue(io: ToolIo): Promise<Enqueuer> {
  const queue = await writableQueue(io);
  if (queue !== undefined) {
    const { nativeEnqueuer } = await import('../../queue/enqueue/native-enqueuer.js');
    return nativeEnqueuer({ ...queue, nextNumber: () => process.pid });
  }
  const socket = io.layout.queueSocket;
  if (io.env[calledByQueue] === undefined && fs.existsSync(bytesPath(socket))) return socketEnqueuer(socket);
  return noQueue;
}

/** The queue as qmail's own programs reach it. */
export async function toolQueue(io: ToolIo): Promise<Enqueuer> {
  const { layout, env } = io;
  const path =
    env.QMAILQUEUE === undefined ? layout.qmailProgram('bin/qmail-queue') : layout.qmailProgram(env.QMAILQUEUE);
  if (env.QMAILQUEUE === undefined && !isRunnable(path)) return ownQueue(io);
  return programEnqueuer({ path, directory: layout.qmail, environment: env });
}

/** Who runs this tool. */
export async function toolUser(io: ToolIo): Promise<Submitter> {
  const uid = process.getuid?.() ?? 0;
  const { invokerOf } = await import('../../queue/enqueue/invokers.js');
  return { invokedBy: invokerOf(uid, new SystemAccounts(io.layout)), gid: process.getgid?.() ?? 0 };
}

const noQueue: Enqueuer = {
  begin: () => ({
    write() {},
    commit: () =>
      Promise.reject(queueError(62, '', new Error('no queue that this user may write, and no vqmail serve to ask'))),
    abort: async () => {},
  }),
};
