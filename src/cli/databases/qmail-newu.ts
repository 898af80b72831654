// qmail-newu: compiles users/assign into users/cdb. No arguments. Exit 0, or 111 with the original's texts.
//
// A file that it refuses leaves the old database in force and an empty users/cdb.tmp.

import { compileAssign } from '../../stores/control-lines/compiled.js';
import { runTool, type ToolIo } from '../tool-io.js';
import { reportingCompileErrors } from './qmail-newmrh.js';

/** The tool. @returns its exit code */
export async function qmailNewu(_args: string[], io: ToolIo): Promise<number> {
  return runTool('qmail-newu: fatal: ', io, () => reportingCompileErrors(() => compileAssign(io.layout)));
}
