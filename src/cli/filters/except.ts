// except PROGRAM [ARGUMENT...]: turns a program's answer round, as the original: its exit 0 refuses the message (100), 111 puts it off, any other is 0.

import { messageInput } from '../message-input.js';
import { runTool, type ToolIo } from '../tool-io.js';
import { runFilter, saysYes } from './child.js';

/** The tool. @returns its exit code */
export async function except(program: string[], io: ToolIo): Promise<number> {
  if (program.length === 0) {
    io.stderr('except: usage: except program [ arg ... ]\n');
    return 100;
  }
  return runTool('except: fatal: ', io, async () =>
    saysYes(await runFilter(program, io, await messageInput(io))) ? 100 : 0,
  );
}
