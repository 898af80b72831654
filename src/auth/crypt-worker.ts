// The owner's side of the thread that computes hashes in JavaScript (crypt-thread.ts), which is started at the first use: most hosts have a crypt(3) and never need it. The thread keeps no
// process alive; when it dies, what was asked fails and the next question starts another.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Crypt } from './crypt-library.js';
import type { Answer, Question } from './crypt-thread.js';

interface Waiting {
  resolve(hash: string | undefined): void;
  reject(error: Error): void;
}

/** The program of the thread, as seen from here and from the tools' one file, which is in a folder beside this one. */
function threadProgram(): string {
  return createRequire(import.meta.url).resolve('../auth/crypt-thread.js');
}

/** crypt(3) in a thread of its own. A hash that JavaScript cannot compute is an error. */
export function scriptCryptInThread(): Crypt {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  const start = (): Worker => {
    const started = new Worker(threadProgram());
    started.on('message', ({ id, hash, error }: Answer) => {
      const asked = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
      if (error === undefined) asked?.resolve(hash);
      else asked?.reject(new Error(error));
    });
    const end = (error: Error): void => {
      if (worker === started) worker = undefined;
      for (const asked of waiting.values()) asked.reject(error);
      waiting.clear();
    };
    started.on('error', end);
    started.on('exit', () => end(new Error('the thread that computes password hashes has ended')));
    return started;
  };

  return (password, setting) =>
    new Promise((resolve, reject) => {
      worker ??= start();
      worker.ref();
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, password, setting } satisfies Question);
    });
}
