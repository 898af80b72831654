// vconvert: converts user databases.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vconvert(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vconvert: not there yet\n');
  return 111;
}
