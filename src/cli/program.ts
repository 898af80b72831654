// What every command is run by: it gets its world, and the process ends with its exit code.

import { describe } from '../errors.js';
import { Layout } from '../layout.js';
import { calledFor, type ProgramCall, takeLayout } from './called-for.js';
import { exitCodeOf, processIo, type ToolIo } from './tool-io.js';

/** The inside of a command: its arguments and its world in, its exit code out. */
export type RunCommand = (args: string[], io: ToolIo) => number | Promise<number>;

/** A command of the program: what it is for, and how it is loaded. */
export interface Command {
  readonly about: string;
  readonly load: () => Promise<RunCommand>;
}

export interface ProgramOptions {
  /** How each command is loaded, by name. */
  readonly commands: Readonly<Record<string, () => Promise<RunCommand>>>;
  readonly shortNames?: Readonly<Record<string, string>>;
  /** Whether the options that place the host may stand behind other arguments; for the originals' tools they may not, whose arguments are not ours to search. */
  readonly hostOptionsAnywhere: boolean;
  /** For a name that no command has; undefined: none was given. @returns the exit code */
  readonly otherwise: (name: string | undefined) => number | Promise<number>;
}

/** Runs the command that this process was called for, and sets the exit code. Whatever is thrown is told on standard error: 100 for what can never succeed, a tool's own code where it gave one, 111 for all else. */
export async function runProgram(options: ProgramOptions): Promise<void> {
  const { commands } = options;
  try {
    process.exitCode = await run(
      options,
      calledFor((name) => Object.hasOwn(commands, name)),
    );
  } catch (error) {
    const exitCode = exitCodeOf(error);
    const text = exitCode === undefined && error instanceof Error ? (error.stack ?? error.message) : describe(error);
    process.stderr.write(`vqmail: ${text}\n`);
    process.exitCode = exitCode ?? 111;
  }
}

async function run(options: ProgramOptions, { name, args, layout: placed }: ProgramCall): Promise<number> {
  const { commands, shortNames = {}, hostOptionsAnywhere, otherwise } = options;
  const fullName = shortNames[name ?? ''] ?? name ?? '';
  const load = Object.hasOwn(commands, fullName) ? commands[fullName] : undefined;
  if (load === undefined) return otherwise(name);
  const { layout, rest } = takeLayout(args, hostOptionsAnywhere);
  const command = await load();
  const io = processIo(new Layout({ root: process.env.VQMAIL_ROOT, ...placed, ...layout }));
  const status = await command(rest, io);
  await io.flushed();
  return status;
}
