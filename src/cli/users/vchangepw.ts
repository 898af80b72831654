// vchangepw: lets people set their own password.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vchangepw(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vchangepw: not there yet\n');
  return 111;
}
