// vsetuserquota: sets the quota of an account or a domain.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vsetuserquota(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vsetuserquota: not there yet\n');
  return 111;
}
