// `vqmail watch [--json]`: prints what changes on the host, live, one event a line (watch/events.ts), until SIGINT or SIGTERM. It watches by itself, with the rights of whoever started it, and needs no
// daemon.
//
//   user added joe@example.jp
//   {"event":"user added","domain":"example.jp","user":"joe","address":"joe@example.jp","at":"2025-04-01T12:00:00.000Z"}       with --json
//
// On standard error: when everything is learned (`watch: 12 domains with 340 accounts are watched ...`; what changed before is told as `domain changed`), and what cannot be watched.
// Exit 0 after a signal; 111 when nobody reads any more; 100 for wrong usage.

import { Command } from 'commander';
import { lineLog } from '../log.js';
import { checkProgram } from '../settings.js';
import { eventJson, eventText } from '../watch/events.js';
import { changeHook } from '../watch/hook.js';
import { watchHost } from '../watch/host-watch.js';
import { parseCommandLine } from './command-line.js';
import { argumentPath, type ToolIo } from './tool-io.js';

interface Options {
  readonly json?: boolean;
  readonly poll?: boolean;
  readonly onChange?: string;
}

/** How long the program of --on-change may go on after the signal. */
const hookDrainMs = 10_000;

/** @returns the exit status. @throws PermanentError for wrong usage */
export async function watch(args: string[], io: ToolIo): Promise<number> {
  const options = parseOptions(args, io);
  if (options === undefined) return 0;
  const log = lineLog((line) => io.stderr(line));
  const program = options.onChange === undefined ? undefined : argumentPath(options.onChange, io);
  if (program !== undefined) checkProgram('--on-change', program);
  const hook = program === undefined ? undefined : changeHook({ program, log });
  const watching = watchHost(io.layout, {
    mode: options.poll ? 'poll' : 'auto',
    log,
    tell(events) {
      const at = new Date();
      for (const event of events) io.stdout(`${options.json ? eventJson(event, at) : eventText(event)}\n`);
      hook?.tell(events);
    },
  });
  await signalled();
  await watching.close();
  await hook?.close(hookDrainMs);
  return 0;
}

function parseOptions(args: string[], io: ToolIo): Options | undefined {
  const command = new Command('vqmail watch')
    .option('--json', 'one JSON object a line')
    .option('--poll', 'look at the files again and again, where the file system tells nothing (NFS)')
    .option('--on-change <program>', 'is run for each change, with it as one line of JSON on standard input');
  return parseCommandLine<Options>(command, args, io);
}

/** Waits for the signal that ends it. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    // Signals alone do not keep a process.
    const stay = setInterval(() => {}, 1 << 30);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(stay);
        resolve();
      });
    }
  });
}
