// dotqmail2valias: .qmail files -> aliases.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function dotqmail2valias(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('dotqmail2valias: not there yet\n');
  return 111;
}
