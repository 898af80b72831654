// vmoddomlimits: shows and sets the limits of a domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vmoddomlimits(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vmoddomlimits: not there yet\n');
  return 111;
}
