// vdominfo: shows domains.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vdominfo(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vdominfo: not there yet\n');
  return 111;
}
