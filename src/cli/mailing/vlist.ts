// vlist: mailing lists of ezmlm.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vlist(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vlist: not there yet\n');
  return 111;
}
