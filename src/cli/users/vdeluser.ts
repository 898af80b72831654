// vdeluser ADDRESS: removes an account with its mail, as the original. Exit 0; else vpopmail's code; 253 when the account is gone and its directory is not.
//
// The original's guard of the catch-all account compares one character too few and guards another account; there is none here, as there is none in effect.

import { DirectoryLeftError, deleteUser } from '../../admin/users/delete-user.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { failed, parseAddress, runAccountTool, versionLine } from './account-tool.js';

const usage = 'vdeluser: usage: [options] email_address\noptions: -v (print version number)\n';

/** The tool. @returns its exit code */
export async function vdeluser(args: string[], io: ToolIo): Promise<number> {
  const { options, operands } = getopt(args, 'v', 'vdeluser', io, true);
  if (options.some(({ letter }) => letter === 'v')) io.stdout(versionLine);
  const [address = ''] = operands;
  if (address === '') {
    io.stdout(usage);
    return 255;
  }
  return runAccountTool('vdeluser', io, async (host) => {
    try {
      const account = parseAddress(address, host, io);
      if (account.name === '') throw new VpopmailError('illegalUsername');
      await deleteUser(host, account);
      return 0;
    } catch (error) {
      if (!(error instanceof DirectoryLeftError)) throw error;
      io.stderr(`could not remove ${error.directory}\n`);
      return failed(error, io);
    }
  });
}
