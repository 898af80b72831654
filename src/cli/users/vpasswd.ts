// vpasswd: sets a password.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vpasswd(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vpasswd: not there yet\n');
  return 111;
}
