// `--on-change PROGRAM`: the program is run for each event, one at a time and in order, with the event as one line of JSON on standard input (events.ts has the forms):
//
//   {"event":"user added","domain":"example.jp","user":"joe","address":"joe@example.jp","at":"2025-04-01T12:00:00.000Z"}
//   {"event":"events lost","count":12,"at":...}        the program was too slow: so many events in its place were not kept
//
// It is run without a shell and without arguments, with the rights and environment of the process that watches; what it writes goes to that one's standard error. A program that runs too
// long is ended, with what it started. How it fails (no such program, an exit status other than 0, a signal, the time limit) is a log line each time, and the next event comes all the same.

import { spawn } from 'node:child_process';
import { describe, errnoOf } from '../errors.js';
import type { Log } from '../log.js';
import { asciiJson, type ChangeEvent, eventJson } from './events.js';

export interface HookOptions {
  readonly program: string;
  readonly log: Log;
  /** How long one run may take. */
  readonly limitMs?: number;
  /** How many events may wait. */
  readonly mostWaiting?: number;
}

export interface Hook {
  /** Runs the program for these events when those before are done. */
  tell(events: readonly ChangeEvent[]): void;
  /** Takes no more events; resolves when those that wait are done, at the latest after `ms`, when the running program is ended. */
  close(ms: number): Promise<void>;
}

const usualLimitMs = 30_000;
const usualMostWaiting = 10_000;
/** From SIGTERM to SIGKILL. */
const graceMs = 2000;

export function changeHook(options: HookOptions): Hook {
  return new ProgramHook(options);
}

class ProgramHook implements Hook {
  readonly #options: HookOptions;
  readonly #ending = new AbortController();
  #waiting: string[] = [];
  #lost = 0;
  #isClosed = false;
  #run: Promise<void> | undefined;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  tell(events: readonly ChangeEvent[]): void {
    if (this.#isClosed) return;
    const at = new Date();
    for (const event of events) {
      if (this.#waiting.length < (this.#options.mostWaiting ?? usualMostWaiting)) this.#keep(event, at);
      else this.#lose();
    }
    this.#run ??= this.#runAll();
  }

  async close(ms: number): Promise<void> {
    this.#isClosed = true;
    const timer = setTimeout(() => this.#ending.abort(), ms);
    await this.#run;
    clearTimeout(timer);
    const left = this.#waiting.length + this.#lost;
    if (left > 0) this.#options.log.warning(`on-change: ${left} events were not told to ${this.#options.program}`);
  }

  #keep(event: ChangeEvent, at: Date): void {
    this.#tellLost();
    this.#waiting.push(eventJson(event, at));
  }

  #lose(): void {
    if (this.#lost++ === 0)
      this.#options.log.warning(
        `on-change: ${this.#options.program} is too slow, ${this.#waiting.length} events wait; more are counted, not kept`,
      );
  }

  /** Puts the number of lost events in their place. */
  #tellLost(): void {
    if (this.#lost === 0) return;
    this.#waiting.push(asciiJson({ event: 'events lost', count: this.#lost, at: new Date().toISOString() }));
    this.#lost = 0;
  }

  async #runAll(): Promise<void> {
    for (;;) {
      if (this.#waiting.length === 0) this.#tellLost();
      const line = this.#ending.signal.aborted ? undefined : this.#waiting.shift();
      if (line === undefined) break;
      await this.#runOnce(line);
    }
    this.#run = undefined;
  }

  /** Runs the program once. Never throws. */
  async #runOnce(line: string): Promise<void> {
    const { program, log, limitMs = usualLimitMs } = this.#options;
    const how = await runWith(program, line, limitMs, this.#ending.signal);
    if (how !== undefined) log.warning(`on-change: ${program} ${how} for ${line}`);
  }
}

/** @returns how it failed; undefined: it did not */
function runWith(program: string, line: string, limitMs: number, ending: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    // A process group of its own, so that all of it can be ended.
    const child = spawn(Buffer.from(program, 'latin1').toString(), [], { stdio: ['pipe', 2, 2], detached: true });
    let ended: string | undefined;
    let killing: NodeJS.Timeout | undefined;
    const signal = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch (error) {
        if (errnoOf(error) !== 'ESRCH') throw error;
      }
    };
    const end = (why: string): void => {
      ended ??= why;
      signal('SIGTERM');
      killing ??= setTimeout(() => signal('SIGKILL'), graceMs);
    };
    const late = setTimeout(() => end(`took longer than ${limitMs / 1000} s and was ended`), limitMs);
    const stop = (): void => end('was ended with the watch');
    ending.addEventListener('abort', stop);
    const over = (how: string | undefined): void => {
      clearTimeout(late);
      clearTimeout(killing);
      ending.removeEventListener('abort', stop);
      resolve(ended ?? how);
    };
    child.once('error', (error) => over(`could not be run: ${describe(error)}`));
    child.once('exit', (code, name) => over(code === 0 ? undefined : `ended with ${name ?? `status ${code}`}`));
    // A program need not read what it is told.
    child.stdin?.on('error', () => {});
    child.stdin?.end(`${line}\n`);
  });
}
