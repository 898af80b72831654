// vadduser: adds an account.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vadduser(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vadduser: not there yet\n');
  return 111;
}
