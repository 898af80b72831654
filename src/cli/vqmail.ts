#!/usr/bin/env node
// The command: `vqmail NAME ARGUMENTS...`, or NAME itself through a symbolic link. A tool loads nothing but itself.

import path from 'node:path';
import { ConfigurationError, CorruptFileError, describe, PermanentError, TemporaryError } from '../errors.js';
import { Layout, type LayoutOptions } from '../layout.js';
import { commands, isAsOriginal, shortNames } from './commands.js';
import { processArguments, processIo } from './tool-io.js';

const layoutOptions: ReadonlyMap<string, keyof LayoutOptions> = new Map([
  ['--root', 'root'],
  ['--qmail-dir', 'qmailDir'],
  ['--vpopmail-dir', 'vpopmailDir'],
  ['--tcp-dir', 'tcpDir'],
]);

function usage(): string {
  const list = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(14)} ${about}\n`);
  return `usage: vqmail COMMAND [--root DIR] [--qmail-dir DIR] [--vpopmail-dir DIR] [--tcp-dir DIR] ...\n${list.join('')}`;
}

/**
 * Takes the options that place the host out of the arguments.
 * @param anywhere whether they may stand behind other arguments; for the originals' tools they may not, whose arguments are not ours to search
 */
function takeLayout(args: readonly string[], anywhere: boolean): { layout: LayoutOptions; rest: string[] } {
  const layout: { -readonly [key in keyof LayoutOptions]: LayoutOptions[key] } = {};
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    const [option, joined] = splitOption(argument);
    const key = anywhere || rest.length === 0 ? layoutOptions.get(option) : undefined;
    const value = key === undefined ? undefined : (joined ?? args[++at]);
    if (key === undefined) rest.push(argument);
    else if (value) layout[key] = value;
    else throw new PermanentError('5.5.4', `${option} needs a directory`);
  }
  return { layout, rest };
}

function splitOption(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=');
  return argument.startsWith('--') && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined];
}

async function main(): Promise<number> {
  const invoked = path.basename(process.argv[1] ?? '').replace(/\.js$/, '');
  const isLinked = Object.hasOwn(commands, invoked);
  const before = takeLayout(isLinked ? [] : processArguments(), false);
  const [name, ...args] = isLinked ? [invoked, ...processArguments()] : before.rest;
  if (name === undefined || name === '--help' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(usage());
    return name === undefined ? 100 : 0;
  }
  if (name === '--version') {
    process.stdout.write(`${await version()}\n`);
    return 0;
  }
  const fullName = shortNames[name] ?? name;
  const command = Object.hasOwn(commands, fullName) ? commands[fullName] : undefined;
  if (command === undefined) {
    process.stderr.write(`vqmail: there is no command ${name}\n${usage()}`);
    return 100;
  }
  const { layout, rest } = takeLayout(args, !isAsOriginal(command));
  const tool = await command.load();
  const io = processIo(new Layout({ root: process.env.VQMAIL_ROOT, ...before.layout, ...layout }));
  const status = await tool(rest, io);
  await io.flushed();
  return status;
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return `vqmail ${(JSON.parse(text) as { version: string }).version}`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    const isDefect = ![PermanentError, TemporaryError, ConfigurationError, CorruptFileError].some(
      (known) => error instanceof known,
    );
    const text = isDefect && error instanceof Error ? (error.stack ?? error.message) : describe(error);
    process.stderr.write(`vqmail: ${text}\n`);
    process.exitCode = error instanceof PermanentError ? 100 : 111;
  },
);
