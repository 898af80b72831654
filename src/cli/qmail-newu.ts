// qmail-newu: compiles users/assign into users/cdb. No arguments. Exit 0, or 111 with the original's texts.
//
// A file that it refuses leaves the old database in force and an empty users/cdb.tmp. The mode is 0644 whatever the umask, except for the group's and the
// others' write bits (the original sets its umask to 033).

import { readFile } from 'node:fs/promises';
import { CdbOutput } from '../files/cdb-output.js';
import { bytesPath } from '../files/read.js';
import { makeCdb } from '../formats/cdb.js';
import { assignRecords, parseAssign, refusedByNewu } from '../formats/users-assign.js';
import { orFailSilently, runTool, ToolFailure, type ToolIo } from './tool-io.js';

const umask = 0o033;

/** The tool. @returns its exit code */
export async function qmailNewu(_args: string[], io: ToolIo): Promise<number> {
  return runTool('qmail-newu: fatal: ', io, async () => {
    const { assign, usersCdb } = io.layout;
    const text = await orFailSilently('unable to open users/assign', () => readFile(bytesPath(assign)));
    const output = await orFailSilently('unable to open users/cdb.tmp', () =>
      CdbOutput.create(`${usersCdb}.tmp`, umask),
    );
    try {
      const document = parseAssign(text);
      if (refusedByNewu(document) !== undefined) throw new ToolFailure(111, 'bad format in users/assign');
      const bytes = makeCdb(assignRecords(document));
      await orFailSilently('unable to write users/cdb.tmp', () => output.write(bytes));
      await orFailSilently('unable to move users/cdb.tmp to users/cdb', () => output.moveTo(usersCdb));
      return 0;
    } finally {
      await output.abandon();
    }
  });
}
