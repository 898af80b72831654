// vmkpasswd: vpasswd -> vpasswd.cdb.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vmkpasswd(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vmkpasswd: not there yet\n');
  return 111;
}
