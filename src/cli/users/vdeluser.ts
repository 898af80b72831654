// vdeluser: removes an account.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vdeluser(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vdeluser: not there yet\n');
  return 111;
}
