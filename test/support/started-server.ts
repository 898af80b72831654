// Starts the real `vqmail serve` as its own process for a test and waits for its ready line; stops it by pid.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled command, found from the sources as from the compiled tests. */
export const vqmailProgram: string = (() => {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(directory, 'package.json'))) directory = path.dirname(directory);
  return path.join(directory, 'dist/src/cli/vqmail.cjs');
})();

export interface StartedServer {
  readonly process: ChildProcess;
  /** The port of each protocol that was asked for, such as `ports.smtp`. */
  readonly ports: Readonly<Record<string, number>>;
  /** Everything written to standard error so far. */
  log(): string;
  /** Sends a signal (SIGTERM unless given) and waits for the end; gives the exit status, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/**
 * Starts `vqmail serve ...args` and waits until every listener accepts. Throws with the log when it ends before.
 * @param through a command that becomes the one behind it, such as `prlimit`
 */
export async function startServer(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  through: readonly string[] = [],
): Promise<StartedServer> {
  const [program = '', ...rest] = [...through, process.execPath, vqmailProgram, 'serve', ...args];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let log = '';
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString('latin1');
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (/^ready .*\n/m.test(output)) resolve();
    });
  });
  const failed = ended.then((status) => {
    throw new Error(`vqmail serve ended with ${status} before it was ready: ${log}`);
  });
  await Promise.race([ready, failed]);
  failed.catch(() => {});
  const ports: Record<string, number> = {};
  for (const [, protocol, port] of output.matchAll(/(\w+)=\S*?:(\d+)(?=\s|$)/g))
    if (protocol) ports[protocol] = Number(port);
  return {
    process: child,
    ports,
    log: () => log,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}
