// The options of the commands that are not a tool of the originals: read by commander, with usage on --help and one line for what is wrong.

import type { Command } from 'commander';
import { PermanentError } from '../errors.js';
import type { ToolIo } from './tool-io.js';

/**
 * Reads the options of a command. The options that place the host have been taken out before (cli/vqmail.ts).
 * @returns undefined when help was asked for and printed
 * @throws PermanentError for a wrong command line
 */
export function parseCommandLine<Options extends object>(
  command: Command,
  args: readonly string[],
  io: ToolIo,
): Options | undefined {
  command
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: () => {} })
    .addHelpText(
      'after',
      '\nThe host: --root DIR (or VQMAIL_ROOT), --qmail-dir DIR, --vpopmail-dir DIR, --tcp-dir DIR',
    );
  try {
    return command.parse(args, { from: 'user' }).opts<Options>();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'commander.helpDisplayed') return undefined;
    throw new PermanentError('5.5.4', `${command.name()}: ${error.message.replace(/^error: /, '')}`);
  }
}
