// The program that a filter of .qmail files runs (condredirect, bouncesaying, except, preline): by its name in PATH, with this process's descriptors, waited for.

import { spawn } from 'node:child_process';
import { errnoOf, temporaryErrnos } from '../../errors.js';
import { exactCommand } from '../../files/programs/exact-command.js';
import { systemErrorText } from '../../mail/system-errors.js';
import { ToolFailure, type ToolIo } from '../tool-io.js';

/** How a program ended: its exit code, or why it could not be run. */
export type FilterEnd =
  | { readonly exitCode: number }
  | { readonly isCrashed: true }
  | { readonly problem: string; readonly isTemporary: boolean };

/** Runs a program. @param input what it reads: a descriptor, or a function that is given its standard input */
export async function runFilter(
  [program = '', ...args]: readonly string[],
  io: ToolIo,
  input: number | ((stdin: NodeJS.WritableStream) => Promise<void>),
): Promise<FilterEnd> {
  await io.flushed();
  const variables = Object.entries(io.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const command = exactCommand({ program, args, env: Object.fromEntries(variables) });
  const child = spawn(command.file, command.args, {
    ...command.options,
    stdio: [typeof input === 'number' ? input : 'pipe', 'inherit', 'inherit'],
  });
  const ended = new Promise<FilterEnd>((resolve) => {
    child.once('error', (error) =>
      resolve({ problem: systemErrorText(error), isTemporary: temporaryErrnos.has(errnoOf(error) ?? '') }),
    );
    child.once('close', (code) => resolve(code === null ? { isCrashed: true } : { exitCode: code }));
  });
  if (typeof input === 'function' && child.stdin !== null) {
    child.stdin.on('error', () => {});
    await input(child.stdin);
    child.stdin.end();
  }
  return ended;
}

/** Whether the program says yes (exit 0). @throws ToolFailure when it cannot say now */
export function saysYes(end: FilterEnd): boolean {
  if ('isCrashed' in end) throw new ToolFailure(111, 'child crashed');
  // What cannot be run ends as if it had said so itself.
  const exitCode = 'exitCode' in end ? end.exitCode : end.isTemporary ? 111 : 100;
  if (exitCode === 111) throw new ToolFailure(111, 'temporary child error');
  return exitCode === 0;
}
