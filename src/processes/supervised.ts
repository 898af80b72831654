// A child's side of the channel to the supervisor, and the ways in which a child ends.
//
//   drain from the supervisor    running sessions end, at the latest after the time that comes with it
//   SIGTERM                      the same, and the supervisor is told, so that it sends nothing more and starts another child
//   the supervisor is gone       the same, in a few seconds
//   a defect (uncaught error)    logged with its stack; the same as SIGTERM, so that other sessions go on
//   SIGINT, SIGHUP               of the terminal: the supervisor decides

import { standardErrorLog as log } from '../log.js';
import type { Begin, FromChild, ToChild } from './messages.js';

/** What a child does with what it is told. */
export interface ChildDuties {
  /** Starts work with what `begin` says. Called once, first. */
  begin(begin: Begin): void;
  hear(message: ToChild): void;
  /** Ends all sessions. */
  drain(ms: number): Promise<void>;
}

const orphanDrainMs = 5000;

/** Runs this process as a child of the supervisor. */
export function runSupervised(duties: ChildDuties): void {
  let begun: Begin | undefined;
  let isEnding = false;

  const end = (ms: number): void => {
    if (isEnding) return;
    isEnding = true;
    const exit = (): never => process.exit(0);
    setTimeout(exit, ms + 1000);
    if (begun === undefined) exit();
    duties.drain(ms).then(exit, exit);
  };
  const leave = (): void => {
    if (!isEnding) tellSupervisor({ type: 'leaving' });
    end(begun?.settings.drainMs ?? 0);
  };
  const defect = (error: unknown): void => {
    log.alert(`a defect, please report it: ${error instanceof Error ? error.stack : String(error)}`);
    leave();
  };

  process.on('message', (message: ToChild) => {
    if (message.type === 'begin') {
      begun = message;
      duties.begin(message);
      tellSupervisor({ type: 'ready' });
    } else if (message.type === 'drain') end(message.ms);
    else duties.hear(message);
  });
  process.on('disconnect', () => end(Math.min(orphanDrainMs, begun?.settings.drainMs ?? 0)));
  process.on('SIGTERM', leave);
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('uncaughtException', defect);
  process.on('unhandledRejection', defect);
}

/** Tells the supervisor something; one that is gone hears nothing. */
export function tellSupervisor(message: FromChild): void {
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}
