// A queue for tests: keeps what it is given, or refuses it.

import type { Enqueuer, Submitter } from '../../src/queue/enqueue/enqueuer.js';

export interface CollectedMessage {
  readonly submitter: Submitter;
  readonly message: string;
  readonly sender: string;
  readonly recipients: readonly string[];
}

export interface CollectingQueue extends Enqueuer {
  readonly queued: CollectedMessage[];
  /** Messages that were begun and given up. */
  aborted: number;
  /** What the next messages end with. */
  failure: Error | undefined;
}

export function collectingQueue(): CollectingQueue {
  const queue: CollectingQueue = {
    queued: [],
    aborted: 0,
    failure: undefined,
    begin(submitter) {
      let message = '';
      let isOver = false;
      return {
        write(chunk) {
          message += chunk.toString('latin1');
        },
        async commit({ sender, recipients }) {
          isOver = true;
          if (queue.failure !== undefined) throw queue.failure;
          queue.queued.push({ submitter, message, sender, recipients });
          return submitter.number ?? 4711;
        },
        async abort() {
          if (!isOver) queue.aborted++;
          isOver = true;
        },
      };
    },
  };
  return queue;
}
