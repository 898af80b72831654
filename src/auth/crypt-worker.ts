// The thread that computes hashes in JavaScript, and its owner's side. Loaded on both: in the thread it answers, in the process it starts the thread at the
// first use. Only the thread loads the libraries: most hosts have a crypt(3) and never need them, and every tool that sets a password loads this. The thread keeps no process alive; when it dies, what was asked fails and the next question starts another.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Crypt } from './crypt-library.js';

interface Question {
  readonly id: number;
  readonly password: Uint8Array;
  readonly setting: string;
}

interface Answer {
  readonly id: number;
  readonly hash?: string | undefined;
  readonly error?: string;
}

interface Waiting {
  resolve(hash: string | undefined): void;
  reject(error: Error): void;
}

const role = 'vqmail-crypt';

/** crypt(3) in a thread of its own. A hash that JavaScript cannot compute is an error. */
export function scriptCryptInThread(): Crypt {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  const start = (): Worker => {
    const started = new Worker(new URL(import.meta.url), { workerData: role });
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

function answer(crypt: (password: Buffer, setting: string) => string | undefined, question: Question): Answer {
  const { id, password, setting } = question;
  try {
    return { id, hash: crypt(Buffer.from(password), setting) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

if (!isMainThread && workerData === role) {
  const { scriptCrypt } = await import('./crypt-script.js');
  parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(scriptCrypt, question)));
}
