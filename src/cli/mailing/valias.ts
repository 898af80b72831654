// valias: shows and sets aliases.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function valias(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('valias: not there yet\n');
  return 111;
}
