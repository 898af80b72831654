// vpasswd [-r] ADDRESS [PASSWORD]: sets a password, as the original. Exit 0; else vpopmail's code: 255 (`Illegal username`) also for an account that is not there, or
// whose password may not be changed. Ours beside it: `--scheme NAME` hashes by another scheme than the domain's own.

import { setPassword } from '../../admin/users/set-password.js';
import { randomPassword } from '../../auth/new-password.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import {
  askNewPassword,
  ordinaryMode,
  parseAddress,
  runAccountTool,
  takeLongOptions,
  versionLine,
} from './account-tool.js';

const usage = `vpasswd: usage: [options] email_address [password]
options: -v (print version number)
         -r generate a random password
`;

const randomLength = 8;

/** The tool. @returns its exit code */
export async function vpasswd(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { scheme: true });
  const { options, operands } = getopt(rest, 'vr', 'vpasswd', io, true);
  const has = (wanted: string): boolean => options.some(({ letter }) => letter === wanted);
  if (has('v')) io.stdout(versionLine);
  const [address = '', argument = ''] = operands;
  if (address === '') {
    io.stdout(usage);
    return 255;
  }
  return runAccountTool('vpasswd', io, async (host) => {
    const account = parseAddress(address, host, io);
    const isRandom = has('r');
    const asked = (): string | Promise<string> =>
      isRandom ? randomPassword(randomLength) : askNewPassword(address, io);
    const password = argument === '' ? await asked() : argument;
    await setPassword(host, { ...account, password, scheme: given.get('scheme') }, { mode: ordinaryMode(io) });
    // A password that is given is told as a random one, as by the original.
    if (isRandom) io.stdout(`Random password: ${password}\n`);
    return 0;
  });
}
