// vdeloldusers: removes accounts that nobody used.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vdeloldusers(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vdeloldusers: not there yet\n');
  return 111;
}
