// vadddomain: adds a domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vadddomain(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vadddomain: not there yet\n');
  return 111;
}
