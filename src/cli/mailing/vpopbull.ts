// vpopbull: a message for everybody.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vpopbull(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vpopbull: not there yet\n');
  return 111;
}
