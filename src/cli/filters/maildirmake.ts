// maildirmake DIR: makes a Maildir, as the original: the directory and tmp, new, cur in it, each 0700.

import fs from 'node:fs';
import { bytesPath } from '../../files/read.js';
import { argumentPath, orFail, runTool, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function maildirmake([name]: string[], io: ToolIo): Promise<number> {
  if (name === undefined) {
    io.stderr('maildirmake: usage: maildirmake name\n');
    return 100;
  }
  return runTool('maildirmake: fatal: ', io, async () => {
    for (const shown of [name, `${name}/tmp`, `${name}/new`, `${name}/cur`])
      await orFail(`unable to mkdir ${shown}`, () => {
        const path = bytesPath(argumentPath(shown, io));
        fs.mkdirSync(path, { mode: 0o700 });
        // The creation mask of the caller does not count.
        fs.chmodSync(path, 0o700);
      });
    return 0;
  });
}
