// vuserinfo: shows accounts.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vuserinfo(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vuserinfo: not there yet\n');
  return 111;
}
