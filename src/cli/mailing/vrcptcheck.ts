// vrcptcheck: whether a recipient exists.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vrcptcheck(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vrcptcheck: not there yet\n');
  return 111;
}
