// The temporary folder that holds everything of a run, all on one disk, and the processes started in it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

/** Who owns mailboxes: the numbers that the host trees of the benchmarks give to vpopmail. An ordinary user can only own its own. */
export const mailOwner: { readonly uid: number; readonly gid: number } =
  process.getuid?.() === 0 ? { uid: 6020, gid: 6020 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** A server process of this run. */
export interface Started {
  readonly pid: number;
  stop(): Promise<void>;
}

export class Workplace {
  readonly directory: string;
  readonly #started: Started[] = [];

  /** @param parent an existing directory on the disk that is to be measured */
  constructor(parent: string) {
    this.directory = fs.mkdtempSync(path.join(parent, 'vqmail-bench-'));
    fs.chmodSync(this.directory, 0o755);
  }

  path(...names: string[]): string {
    return path.join(this.directory, ...names);
  }

  /** Makes a directory, and those above it, that belongs to the owner of mailboxes. */
  makeMailDirectory(directory: string): string {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    giveToMailOwner(directory);
    return directory;
  }

  write(file: string, text: string | Buffer): string {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text, 'latin1');
    return file;
  }

  /** Starts a program with its standard error (and output, unless it is piped) in a log file of the folder. */
  start(
    name: string,
    command: string,
    args: readonly string[],
    options: { readonly pipeOutput?: boolean; readonly env?: NodeJS.ProcessEnv } = {},
  ): { readonly child: ChildProcess; readonly started: Started } {
    const log = fs.openSync(this.path(`${name}.log`), 'a');
    const child = spawn(command, args, {
      stdio: ['ignore', options.pipeOutput ? 'pipe' : log, log],
      env: { ...process.env, ...options.env },
    });
    fs.closeSync(log);
    const started = { pid: child.pid ?? 0, stop: () => stopProcess(child) };
    this.#started.push(started);
    return { child, started };
  }

  log(name: string): string {
    return fs.readFileSync(this.path(`${name}.log`), 'latin1');
  }

  /** Stops whatever still runs. */
  async stop(): Promise<void> {
    await Promise.all(this.#started.map((started) => started.stop()));
  }

  remove(): void {
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

export function giveToMailOwner(file: string): void {
  if (process.getuid?.() === 0) fs.lchownSync(file, mailOwner.uid, mailOwner.gid);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = AbortSignal.timeout(15_000);
  late.addEventListener('abort', () => child.kill('SIGKILL'));
  await ended;
}
