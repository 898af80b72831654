// A load client is its own process, so that its work is not counted as the server's and does not wait for the measuring process.
//
// It is started with its orders, connects and warms up, says `ready`, waits for `go`, works, and sends its result. Between `ready` and `go`
// the measuring process takes its first reading.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadPrograms } from '../load/programs.js';

type Result<Name extends keyof LoadPrograms> = Awaited<ReturnType<LoadPrograms[Name]>>;

/** Messages from a load process. `progress` counts what is done so far. */
export type LoadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly text: string };

/** What a load program may tell the measuring process. */
export interface LoadChannel {
  /** Says that all is set up, and waits for the start. */
  ready(): Promise<void>;
  progress(done: number): void;
}

/** A started load process that is ready to go. */
export interface Load<Value> {
  /** Gives the start and waits for the result. `progress` is called as the program reports. */
  go(progress?: (done: number) => void): Promise<Value>;
}

/**
 * Starts a load program and waits until it is ready.
 * @param env for example UV_THREADPOOL_SIZE
 * @throws Error with the program's own words when it fails
 */
export async function startLoad<Name extends keyof LoadPrograms>(
  name: Name,
  orders: Parameters<LoadPrograms[Name]>[0],
  env: NodeJS.ProcessEnv = {},
): Promise<Load<Result<Name>>> {
  const main = process.argv[1] ?? '';
  const child = fork(main, ['--load', name, JSON.stringify(orders)], { env: { ...process.env, ...env } });
  await nextMessage(child, 'ready');
  return {
    async go(progress): Promise<Result<Name>> {
      child.on('message', (message: LoadMessage) => {
        if (message.kind === 'progress') progress?.(message.done);
      });
      child.send('go');
      const { result } = await nextMessage(child, 'result');
      return result as Result<Name>;
    },
  };
}

function nextMessage<Kind extends LoadMessage['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<LoadMessage & { readonly kind: Kind }> {
  return new Promise((resolve, reject) => {
    const ended = async (): Promise<void> => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      reject(new Error(`the load process ended with ${child.exitCode ?? child.signalCode} and without a word`));
    };
    const message = (received: LoadMessage): void => {
      if (received.kind !== kind && received.kind !== 'failed') return;
      child.off('disconnect', ended);
      child.off('message', message);
      if (received.kind === 'failed') reject(new Error(received.text));
      else resolve(received as LoadMessage & { readonly kind: Kind });
    };
    child.on('message', message);
    // Comes after the last message, other than the child's exit.
    child.on('disconnect', ended);
  });
}

/** The other end: runs a load program in this process and reports to the parent. */
export async function runAsLoad(run: (channel: LoadChannel) => Promise<unknown>): Promise<void> {
  const send = (message: LoadMessage): void => {
    process.send?.(message);
  };
  try {
    const result = await run({
      async ready() {
        const go = once(process, 'message');
        send({ kind: 'ready' });
        await go;
      },
      progress: (done) => send({ kind: 'progress', done }),
    });
    send({ kind: 'result', result });
  } catch (error) {
    send({ kind: 'failed', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
