// clearopensmtp: ends relaying of those who logged in long ago.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function clearopensmtp(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('clearopensmtp: not there yet\n');
  return 111;
}
