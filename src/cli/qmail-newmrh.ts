// qmail-newmrh: compiles control/morercpthosts into control/morercpthosts.cdb. No arguments. Exit 0, or 111 with the original's texts.
//
// On failure the old database stays in force. The mode is 0644 whatever the umask, as with qmail-newu.

import { readFile } from 'node:fs/promises';
import { CdbOutput } from '../files/cdb-output.js';
import { bytesPath } from '../files/read.js';
import { makeCdb } from '../formats/cdb.js';
import { moreRcptHostsKeys } from '../formats/rcpthosts.js';
import { orFail, runTool, type ToolIo } from './tool-io.js';

const umask = 0o033;

/** The tool. @returns its exit code */
export async function qmailNewmrh(_args: string[], io: ToolIo): Promise<number> {
  const control = (name: string): string => io.layout.control(name);
  const unableToWrite = 'unable to write to control/morercpthosts.tmp';
  return runTool('qmail-newmrh: fatal: ', io, async () => {
    const text = await orFail('unable to read control/morercpthosts', () =>
      readFile(bytesPath(control('morercpthosts'))),
    );
    const output = await orFail(unableToWrite, () => CdbOutput.create(control('morercpthosts.tmp'), umask));
    try {
      const bytes = makeCdb(moreRcptHostsKeys(text).map((key) => ({ key, data: '' })));
      await orFail(unableToWrite, () => output.write(bytes));
      await orFail('unable to move control/morercpthosts.tmp to control/morercpthosts.cdb', () =>
        output.moveTo(control('morercpthosts.cdb')),
      );
      return 0;
    } finally {
      await output.abandon();
    }
  });
}
