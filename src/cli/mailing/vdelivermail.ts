// vdelivermail: the program of .qmail-default.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vdelivermail(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vdelivermail: not there yet\n');
  return 111;
}
