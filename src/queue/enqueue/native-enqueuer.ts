// Queueing by this process, which may write the queue's files (enqueue/native has the steps). Notices, forwards and what comes over the network share the numbers of this process:
// counted up from its pid, since there is no qmail-queue whose pid it would be.

import type { SystemAccounts } from '../../files/accounts.js';
import { type Envelope, envelopeProblem } from '../../formats/queue/queue-envelope.js';
import { mayWriteQueue, type QueueFiles } from '../files.js';
import { type QueueOwners, queueOwners } from '../owners.js';
import type { QueueTree } from '../tree.js';
import type { EnqueueingMessage, Enqueuer, Submitter } from './enqueuer.js';
import { queueError } from './exit-codes.js';
import { idsOf } from './invokers.js';
import { EnqueueError, NativeMessage, type QueuePlace } from './native.js';

export interface NativeEnqueuerOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly accounts: SystemAccounts;
  /** Numbers for messages whose submitter wants none; this process's unless given. */
  readonly nextNumber?: () => number;
  readonly wake?: QueuePlace['wake'];
  readonly firstTries?: QueuePlace['firstTries'];
}

/** @throws TemporaryError when the accounts cannot be asked */
export function nativeEnqueuer({
  tree,
  files,
  accounts,
  nextNumber,
  wake,
  firstTries,
}: NativeEnqueuerOptions): Enqueuer {
  const owners: QueueOwners = queueOwners(tree, accounts);
  let queued = 0;
  const next = nextNumber ?? (() => process.pid + ++queued);
  return {
    begin({ invokedBy, gid, number }: Submitter) {
      return new WrittenMessage(() => {
        const ids = idsOf(invokedBy, accounts, gid);
        const owner = owners.queue && { uid: owners.queue.uid, gid: ids.gid };
        const pid = number ?? next();
        const invoker = { invokedBy, uid: ids.uid, pid, nowSeconds: Math.floor(Date.now() / 1000) };
        const place = { tree, files, owner, firstTries, ...(wake && { wake }) };
        return { message: NativeMessage.begin(place, invoker), pid };
      });
    },
  };
}

/** Whether this process may queue natively: it is root, or whoever owns the queue. */
export function mayQueueNatively(tree: QueueTree): boolean {
  return mayWriteQueue([tree.pidDirectory, ...tree.directories('mess').slice(0, 1)]);
}

class WrittenMessage implements EnqueueingMessage {
  #message: NativeMessage | undefined;
  #number = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(begin: () => { message: NativeMessage; pid: number }) {
    this.#attempt(() => {
      const { message, pid } = begin();
      this.#message = message;
      this.#number = pid;
    });
  }

  write(chunk: Buffer): void {
    if (this.#failure === undefined) this.#attempt(() => this.#message?.write(chunk));
  }

  async commit(envelope: Envelope): Promise<number> {
    const problem = envelopeProblem(envelope);
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (problem !== undefined) throw new EnqueueError(problem);
      if (await this.#message?.offer(envelope)) return this.#number;
      await this.#message?.finish();
      await this.#message?.commit(envelope);
      return this.#number;
    } catch (error) {
      this.#message?.discard();
      throw error instanceof EnqueueError ? queueError(error.exitCode, '', error) : error;
    }
  }

  async abort(): Promise<void> {
    this.#message?.discard();
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failure = { error };
    }
  }
}
