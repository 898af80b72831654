// vaddaliasdomain: adds an alias domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vaddaliasdomain(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vaddaliasdomain: not there yet\n');
  return 111;
}
