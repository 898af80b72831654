// A program line of a .qmail file: `/bin/sh -c COMMAND` in the home directory, the message on standard input, wound back to its start, both outputs into the
// report (formats/qmail.md 6.5). The process's uid, gid, groups and umask are those that the caller of this already has.
//
// A program that does not end is killed with all that it started: the queue would wait for it for ever (qmail-local does).

import { spawn } from 'node:child_process';
import { exactCommand } from '../../files/programs/exact-command.js';

/** How a program ended. */
export type ProgramEnd = { readonly status: number } | { readonly signal: string };

export interface ProgramPlace {
  /** Disk path of the directory in which it runs. */
  readonly directory: string;
  /** All of its environment, Latin-1. */
  readonly environment: Readonly<Record<string, string>>;
  /** The message. */
  readonly stdin: number;
  /** Where its outputs go: descriptors of this process, or functions that take the bytes. */
  readonly stdout: number | ((bytes: Buffer) => void);
  readonly stderr: number | ((bytes: Buffer) => void);
  readonly timeLimitMs: number;
  readonly running?: RunningPrograms;
}

const heldPipesMs = 200;

/** Programs that run, so that they can be ended with all that they started when this process is told to end. */
export class RunningPrograms {
  readonly #pids = new Set<number>();

  begun(pid: number | undefined): void {
    if (pid !== undefined) this.#pids.add(pid);
  }

  ended(pid: number | undefined): void {
    if (pid !== undefined) this.#pids.delete(pid);
  }

  kill(): void {
    for (const pid of this.#pids) killGroup(pid);
  }
}

/** Runs a shell command. @throws the system error when it cannot be started */
export function runProgram(command: string, place: ProgramPlace): Promise<ProgramEnd> {
  const { directory, environment, stdin, stdout, stderr, timeLimitMs, running } = place;
  const kept = (output: ProgramPlace['stdout']): number | 'pipe' => (typeof output === 'number' ? output : 'pipe');
  return new Promise((resolve, reject) => {
    const { file, args, options } = exactCommand({
      program: '/bin/sh',
      args: ['-c', command],
      env: environment,
      directory,
    });
    const child = spawn(file, args, {
      ...options,
      stdio: [stdin, kept(stdout), kept(stderr)],
      detached: true,
    });
    if (typeof stdout === 'function') child.stdout?.on('data', stdout);
    if (typeof stderr === 'function') child.stderr?.on('data', stderr);
    running?.begun(child.pid);
    const timer = setTimeout(() => killGroup(child.pid), timeLimitMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      running?.ended(child.pid);
      const end = status === null ? { signal: signal ?? 'unknown' } : { status };
      const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
      // Programs that it left behind may hold the pipes: the end of the shell counts, as for qmail-local, and what was written until then.
      const late = setTimeout(() => {
        for (const pipe of pipes) pipe.destroy();
      }, heldPipesMs);
      child.once('close', () => {
        clearTimeout(late);
        resolve(end);
      });
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
