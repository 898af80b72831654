// The commands that are no tools, what is asked about the program itself, and names that nothing has.

import { readFile } from 'node:fs/promises';
import { commands } from './commands.js';
import { runProgram } from './program.js';
import { toolFolders } from './tools.js';

/** Runs what the process was called for, which is no tool, and sets the exit code. */
export function runEveryCommand(): Promise<void> {
  return runProgram({
    commands: Object.fromEntries(Object.entries(commands).map(([name, { load }]) => [name, load])),
    hostOptionsAnywhere: true,
    otherwise,
  });
}

async function otherwise(name: string | undefined): Promise<number> {
  if (name === '--version') process.stdout.write(`vqmail ${await version()}\n`);
  else if (name === '--help' || name === 'help') process.stdout.write(usage());
  else {
    process.stderr.write(`${name === undefined ? '' : `vqmail: there is no command ${name}\n`}${usage()}`);
    return 100;
  }
  return 0;
}

function usage(): string {
  const own = Object.entries(commands).map(([name, { about }]) => [name, about] as const);
  const tools = Object.values(toolFolders).flatMap((folder) => Object.entries(folder));
  const list = [...own, ...tools].map(([name, about]) => `  ${name.padEnd(14)} ${about}\n`);
  return `usage: vqmail COMMAND [--root DIR] [--qmail-dir DIR] [--vpopmail-dir DIR] [--tcp-dir DIR] ...\n${list.join('')}`;
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
