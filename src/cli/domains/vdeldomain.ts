// vdeldomain: removes a domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vdeldomain(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vdeldomain: not there yet\n');
  return 111;
}
