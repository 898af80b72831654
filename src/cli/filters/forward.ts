// forward ADDRESS...: sends the message on to these addresses, as the original. In .qmail files: `|forward "$LOCAL"@new.example`.

import { inputPieces, runTool, type ToolIo } from '../tool-io.js';
import { sendOn, variable } from './send-on.js';

/** The tool. @returns its exit code */
export function forward(args: string[], io: ToolIo): Promise<number> {
  return runTool('forward: fatal: ', io, async () => {
    const sender = variable(io, 'NEWSENDER');
    const head = variable(io, 'DTLINE');
    const number = await sendOn(io, head, inputPieces(io), { sender, recipients: args });
    io.stderr(`forward: qp ${number}\n`);
    return 0;
  });
}
