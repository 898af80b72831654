// condredirect ADDRESS PROGRAM [ARGUMENT...]: sends the message on to ADDRESS and ends its delivery here (exit 99) if PROGRAM says so by exit 0, as the original. Exit 111 of it puts the
// delivery off, any other lets it go on.

import { rewind } from '../../files/native/rewind.js';
import { messageInput } from '../message-input.js';
import { descriptorPieces, orFail, runTool, type ToolIo } from '../tool-io.js';
import { runFilter, saysYes } from './child.js';
import { sendOn, variable } from './send-on.js';

/** The tool. @returns its exit code */
export async function condredirect(args: string[], io: ToolIo): Promise<number> {
  const [address, ...program] = args;
  if (address === undefined || program.length === 0) {
    io.stderr('condredirect: usage: condredirect newaddress program [ arg ... ]\n');
    return 100;
  }
  return runTool('condredirect: fatal: ', io, async () => {
    const message = await messageInput(io);
    if (!saysYes(await runFilter(program, io, message))) return 0;
    await orFail('unable to rewind', () => rewind(message));
    const sender = variable(io, 'SENDER');
    const head = variable(io, 'DTLINE');
    const number = await sendOn(io, head, descriptorPieces(message), { sender, recipients: [address] });
    io.stderr(`condredirect: qp ${number}\n`);
    return 99;
  });
}
