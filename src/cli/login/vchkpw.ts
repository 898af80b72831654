// vchkpw: checkpassword interface.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vchkpw(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vchkpw: not there yet\n');
  return 111;
}
