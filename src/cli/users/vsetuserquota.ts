// vsetuserquota ADDRESS|DOMAIN QUOTA: sets the quota of an account, or of all of a domain; as the original. Exit 0; else vpopmail's code.

import { setQuota, setQuotaOfAll } from '../../admin/users/set-quota.js';
import { lower } from '../../mail/address.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { ordinaryMode, parseAddress, runAccountTool, versionLine } from './account-tool.js';

const usage = `vsetuserquota: [options] email_address|domain_name quota
options:
-v (print version number)

If you specify a domain name rather than an email address,
the quota will be applied to all users in that domain
`;

/** The tool. @returns its exit code */
export async function vsetuserquota(args: string[], io: ToolIo): Promise<number> {
  const { options, operands } = getopt(args, 'v', 'vsetuserquota', io, true);
  if (options.some(({ letter }) => letter === 'v')) io.stdout(versionLine);
  const [target = '', given = ''] = operands;
  if (target === '' || given === '') {
    io.stdout(usage);
    return 255;
  }
  const quota = given.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
  return runAccountTool('vsetuserquota', io, async (host) => {
    if (target.includes('@')) {
      await setQuota(host, parseAddress(target, host, io), quota, { mode: ordinaryMode(io) });
    } else {
      // The original has narrowed its mask by the second account, unless there is no maildirsize to make.
      const isOrdinary = (count: number): boolean => count === 1 || quota === 'NOQUOTA';
      await setQuotaOfAll(host, lower(target), quota, (count) => ({
        mode: isOrdinary(count) ? ordinaryMode(io) : 0o600,
      }));
    }
    return 0;
  });
}
