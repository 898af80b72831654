// vkill: ends processes by name.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vkill(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vkill: not there yet\n');
  return 111;
}
