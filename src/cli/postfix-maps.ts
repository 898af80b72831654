// postfix-maps.

import type { ToolIo } from './tool-io.js';

/** The command. @returns its exit code */
export async function postfixMaps(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('postfix-maps: not there yet\n');
  return 111;
}
