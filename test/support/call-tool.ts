// Calls a command-line tool of ours within this process, as `vqmail NAME ARGUMENTS...` would be run on the host below a root.

import { commands } from '../../src/cli/commands.js';
import type { RunCommand } from '../../src/cli/program.js';
import type { ToolIo } from '../../src/cli/tool-io.js';
import { folderOf } from '../../src/cli/tools.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from './captured-io.js';

/** What the tools.ts of each folder exports. */
interface ToolsModule {
  readonly tools: Readonly<Record<string, () => Promise<RunCommand>>>;
}

export interface ToolCall {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Buffer | string;
}

/** `exit` is what a shell sees; texts are Latin-1. */
export interface CalledTool {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param argv the tool's name and its arguments, Latin-1 */
export async function callTool(
  root: string,
  argv: readonly string[],
  { env, stdin }: ToolCall = {},
): Promise<CalledTool> {
  const [name = '', ...args] = argv;
  const tool = await toolNamed(name);
  const io = capturedIo({ layout: new Layout({ root }), ...(env && { env }), ...(stdin !== undefined && { stdin }) });
  const status = await ended(tool, args, io);
  const { stdout, stderr } = io.written();
  return { exit: status & 255, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
}

/** As the command itself does it (cli/vqmail.ts), what a tool throws is told and becomes an exit code. */
async function ended(tool: RunCommand, args: string[], io: ToolIo): Promise<number> {
  try {
    return await tool(args, io);
  } catch (error) {
    io.stderr(`vqmail: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return error instanceof PermanentError ? 100 : 111;
  }
}

async function toolNamed(name: string): Promise<RunCommand> {
  const folder = folderOf(name);
  const load =
    folder === undefined
      ? commands[name]?.load
      : ((await import(`../../src/cli/${folder}/tools.js`)) as ToolsModule).tools[name];
  if (load === undefined) throw new Error(`there is no tool ${name}`);
  return load();
}
