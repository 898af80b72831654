// watch.

import type { ToolIo } from './tool-io.js';

/** The command. @returns its exit code */
export async function watch(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('watch: not there yet\n');
  return 111;
}
