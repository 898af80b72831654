// qmail-getpw.

import type { ToolIo } from './tool-io.js';

/** The command. @returns its exit code */
export async function qmailGetpw(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('qmail-getpw: not there yet\n');
  return 111;
}
