// vmoduser: changes an account or all of a domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vmoduser(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vmoduser: not there yet\n');
  return 111;
}
