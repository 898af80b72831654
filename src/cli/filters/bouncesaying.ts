// bouncesaying TEXT [PROGRAM [ARGUMENT...]]: refuses the message with TEXT, if PROGRAM says so by exit 0 or there is none, as the original. Exit 111 of it puts the delivery off, any
// other lets it go on.

import { messageInput } from '../message-input.js';
import { runTool, type ToolIo } from '../tool-io.js';
import { runFilter, saysYes } from './child.js';

/** The tool. @returns its exit code */
export async function bouncesaying([text, ...program]: string[], io: ToolIo): Promise<number> {
  if (text === undefined) {
    io.stderr('bouncesaying: usage: bouncesaying error [ program [ arg ... ] ]\n');
    return 100;
  }
  return runTool('bouncesaying: fatal: ', io, async () => {
    if (program.length > 0 && !saysYes(await runFilter(program, io, await messageInput(io)))) return 0;
    io.stderr(`${text}\n`);
    return 100;
  });
}
