// vmakedotqmail: makes .qmail files.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vmakedotqmail(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vmakedotqmail: not there yet\n');
  return 111;
}
