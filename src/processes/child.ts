// One child process as the supervisor sees it: started, told to begin, heard, and waited for.
//
// It runs processes/child-main.js with the supervisor's own node options. Its standard output is the supervisor's standard error (the ready line is the only
// thing on standard output). The thread pool is made larger than node's 4, in the environment because it must be known before node starts; io_uring stays off
// in children, since its threads would not follow setuid(2).

import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromChild, Role, ToChild } from './messages.js';

/** Pool threads of a child: so many synced writes and password hashes may be in flight at once. A queue does little but wait for the disk. */
const threadPoolSizes: Readonly<Partial<Record<Role, number>>> & { readonly others: number } = {
  queue: 48,
  others: 16,
};

/** The descriptor in which a child inherits the first of its listening sockets; the others follow. Before it come the standard ones and the channel. */
export const firstInherited = 4;

/** The program of children, compiled as from the sources. */
function childProgram(): string {
  const own = fileURLToPath(import.meta.url);
  return path.join(path.dirname(own), `child-main${path.extname(own)}`);
}

export interface ChildEvents {
  hear(message: FromChild): void;
  /** Called once. @param how `status 1`, `SIGKILL` */
  ended(how: string): void;
}

export class Child {
  readonly #process: ChildProcess;
  readonly #end: Promise<void>;

  /** @param descriptors of listening sockets that it inherits */
  constructor(role: Role, begin: ToChild, events: ChildEvents, descriptors: readonly number[] = []) {
    const { UV_USE_IO_URING: _, ...env } = process.env;
    env.UV_THREADPOOL_SIZE ??= String(threadPoolSizes[role] ?? threadPoolSizes.others);
    this.#process = fork(childProgram(), [role], { env, stdio: ['ignore', 2, 2, 'ipc', ...descriptors] });
    this.#process.on('message', (message) => events.hear(message as FromChild));
    this.#end = new Promise((resolve) => {
      let isOver = false;
      const over = (how: string): void => {
        if (isOver) return;
        isOver = true;
        events.ended(how);
        resolve();
      };
      this.#process.on('exit', (code, signal) => over(signal ?? `status ${code}`));
      this.#process.on('error', (error) => {
        if (this.#process.pid === undefined) over(error.message);
      });
    });
    this.send(begin);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToChild): void {
    // A child that is gone is heard of by its end.
    this.#process.send(message, () => {});
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Waits for the end; after `ms` the child is killed. */
  async endWithin(ms: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), ms);
    await this.#end;
    clearTimeout(timer);
  }
}
