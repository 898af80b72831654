// What this process was called for: a command's name, its arguments, and where the host is.
//
//   vqmail [HOST OPTIONS] NAME [HOST OPTIONS] ARGUMENTS...
//   NAME ARGUMENTS...                                          through a symbolic link of that name

import fs from 'node:fs';
import path from 'node:path';
import { PermanentError } from '../errors.js';
import type { LayoutOptions } from '../layout.js';

export interface ProgramCall {
  /** Undefined: none was given. */
  readonly name: string | undefined;
  readonly args: readonly string[];
  /** What the options before the name say. */
  readonly layout: LayoutOptions;
}

/** @param isCommand whether a name is one that a link may have @throws PermanentError for an option without its value */
export function calledFor(isCommand: (name: string) => boolean): ProgramCall {
  const invoked = path.basename(process.argv[1] ?? '').replace(/\.c?js$/, '');
  if (isCommand(invoked)) return { name: invoked, args: processArguments(), layout: {} };
  const { layout, rest } = takeLayout(processArguments(), false);
  const [name, ...args] = rest;
  return { name, args, layout };
}

const layoutOptions: ReadonlyMap<string, keyof LayoutOptions> = new Map([
  ['--root', 'root'],
  ['--qmail-dir', 'qmailDir'],
  ['--vpopmail-dir', 'vpopmailDir'],
  ['--tcp-dir', 'tcpDir'],
]);

/**
 * Takes the options that place the host out of the arguments.
 * @param anywhere whether they may stand behind other arguments
 * @throws PermanentError for one without its value
 */
export function takeLayout(args: readonly string[], anywhere: boolean): { layout: LayoutOptions; rest: string[] } {
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

/** The bytes of a text as a Latin-1 string. */
export function latin1(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}

/** The process's arguments from its `skip`th on, as Latin-1 strings. `process.argv` has lost the bytes that are not UTF-8; the kernel has them. */
export function processArguments(skip = 2): string[] {
  const decoded = process.argv.slice(skip);
  if (decoded.every((argument) => latin1(argument) === argument)) return decoded;
  try {
    const all = fs.readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
    return decoded.length === 0 ? [] : all.slice(-decoded.length);
  } catch {
    return decoded.map(latin1);
  }
}
