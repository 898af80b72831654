// Queueing through a program (enqueue/program has the protocol): the host's own bin/qmail-queue, or one that takes its place. As root it is run as whom the message is from, so that
// its Received line says what it would say on a classic host.
//
// bin/qmail-queue of a host may be a link to ours. It is told by a variable of its environment that it was called from here, so that it writes itself and does not ask back.

import { spawn } from 'node:child_process';
import type { SystemAccounts } from '../../files/accounts.js';
import type { Envelope } from '../../formats/queue/queue-envelope.js';
import type { EnqueueingMessage, Enqueuer, Submitter } from './enqueuer.js';
import { idsOf } from './invokers.js';
import { ProgramMessage, type QueueProgram } from './program.js';

/** Set for a qmail-queue that the queue process calls. */
export const calledByQueue = 'VQMAIL_CALLED_BY_QUEUE';

export interface ProgramEnqueuerOptions extends QueueProgram {
  /** Of the host, where this process may become others. */
  readonly accounts?: SystemAccounts;
}

export function programEnqueuer({ accounts, ...program }: ProgramEnqueuerOptions): Enqueuer {
  return {
    begin({ invokedBy, gid }: Submitter) {
      const mayBecome = accounts !== undefined && process.geteuid?.() === 0;
      const owner = mayBecome ? { owner: idsOf(invokedBy, accounts, gid) } : {};
      return new GivenMessage(new ProgramMessage({ ...program, ...owner }));
    },
  };
}

class GivenMessage implements EnqueueingMessage {
  readonly #message: ProgramMessage;

  constructor(message: ProgramMessage) {
    this.#message = message;
  }

  write(chunk: Buffer): void | Promise<void> {
    return this.#message.write(chunk);
  }

  commit(envelope: Envelope): Promise<number> {
    return this.#message.commit(envelope);
  }

  abort(): Promise<void> {
    return this.#message.abort();
  }
}

/** Exit codes by which a qmail-queue says that it cannot work at all here. */
const unfit: ReadonlySet<number | null> = new Set([null, 61, 62, 81, 111, 120, 126, 127]);
const patienceMs = 5000;

/**
 * Whether a qmail-queue is there and runs. It is given nothing at all, on which it ends with a read error (54) and leaves nothing.
 * @param submitter as whom it would be run
 */
export function runsAsQueue(options: ProgramEnqueuerOptions, submitter: Submitter): Promise<boolean> {
  const { path, directory, environment = process.env, accounts } = options;
  const mayBecome = accounts !== undefined && process.geteuid?.() === 0;
  return new Promise((resolve) => {
    const child = spawn(path, [], {
      cwd: directory,
      env: { ...environment },
      // An empty message and an empty envelope.
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: patienceMs,
      killSignal: 'SIGKILL',
      ...(mayBecome ? idsOf(submitter.invokedBy, accounts) : {}),
    });
    for (const stream of [child.stdin, child.stdout]) stream?.on('error', () => {});
    child.stdin?.end();
    child.stdout?.destroy();
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(!unfit.has(code)));
  });
}
