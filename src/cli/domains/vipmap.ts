// vipmap: which domain belongs to a local address.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vipmap(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('vipmap: not there yet\n');
  return 111;
}
