// install-tools.

import type { ToolIo } from './tool-io.js';

/** The command. @returns its exit code */
export async function installTools(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('install-tools: not there yet\n');
  return 111;
}
