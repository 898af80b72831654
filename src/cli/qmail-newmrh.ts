import type { ToolIo } from './tool-io.js';

export async function qmailNewmrh(_args: string[], _io: ToolIo): Promise<number> {
  return 111;
}
