// qmail-newmrh: compiles control/morercpthosts into control/morercpthosts.cdb. No arguments. Exit 0, or 111 with the original's texts.

import { CompileError, compileMoreRcptHosts } from '../../stores/control-lines/compiled.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function qmailNewmrh(_args: string[], io: ToolIo): Promise<number> {
  return runTool('qmail-newmrh: fatal: ', io, () => reportingCompileErrors(() => compileMoreRcptHosts(io.layout)));
}

/** Runs a compilation as a tool does. @throws ToolFailure in the original's words */
export async function reportingCompileErrors(compile: () => Promise<void>): Promise<number> {
  try {
    await compile();
    return 0;
  } catch (error) {
    if (error instanceof CompileError) throw new ToolFailure(111, error.message);
    throw error;
  }
}
