// `vqmail auth status|forget|audit`: logins, guessing, and how passwords are kept.
//
//   status                   what the running daemon knows of wrong logins; 111 when none runs, or this user may not ask it
//   forget KEY...            addresses and accounts whose wrong logins are to be forgotten at once; 100 for one that there is none of
//   audit [DOMAIN...]        how the accounts of the host keep their passwords; 1 when a weak one is found

import { PermanentError } from '../../errors.js';
import type { ToolIo } from '../tool-io.js';

const usage = 'usage: vqmail auth status|forget KEY...|audit [DOMAIN...] [--guess] [--summary] [--json]';

/** @throws PermanentError for arguments, TemporaryError */
export async function auth(args: string[], io: ToolIo): Promise<number> {
  const [name, ...rest] = args;
  switch (name) {
    case 'status':
      return (await import('./status.js')).status(rest, io);
    case 'forget':
      return (await import('./status.js')).forget(rest, io);
    case 'audit':
      return (await import('./audit.js')).audit(rest, io);
    case '--help':
    case 'help':
      io.stdout(`${usage}\n`);
      return 0;
    default:
      throw new PermanentError('5.5.4', usage);
  }
}
