// qmail-pw2u.

import type { ToolIo } from './tool-io.js';

/** The command. @returns its exit code */
export async function qmailPw2u(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('qmail-pw2u: not there yet\n');
  return 111;
}
