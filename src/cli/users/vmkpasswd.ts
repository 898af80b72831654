// vmkpasswd DOMAIN: makes vpasswd.cdb of vpasswd, after that was changed by hand; as the original, and as silent. Exit 0; 253 for an unknown domain, 254 when somebody else
// holds the lock. A last line without its newline is an account like any other: it gets one, where the original leaves it out.

import { mayAdminister } from '../../admin/users/domain-access.js';
import { lower } from '../../mail/address.js';
import { AccountsBusyError, rebuildIndex } from '../../stores/accounts/user-database.js';
import type { ToolIo } from '../tool-io.js';
import { runAccountTool } from './account-tool.js';

/** The tool. @returns its exit code */
export async function vmkpasswd(args: string[], io: ToolIo): Promise<number> {
  const [name] = args;
  if (name === undefined || args.length > 1) {
    io.stdout('vmkpasswd: usage: domain \n');
    return 255;
  }
  return runAccountTool('vmkpasswd', io, async (host) => {
    const domain = host.domain(lower(name));
    if (domain === undefined || !mayAdminister(domain)) return 253;
    try {
      await rebuildIndex(domain, { endLastLine: true });
      return 0;
    } catch (error) {
      if (!(error instanceof AccountsBusyError)) throw error;
      io.stderr('File busy try again later!\n');
      return 254;
    }
  });
}
