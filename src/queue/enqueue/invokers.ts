// Whose uid stands for what when a message is queued (formats/qmail.md 3.4): a server's is `from network`, alias's `by alias`, qmail-send's `for bounce`, all others are told by
// number. qmail-queue knows by the uid that called it; a process of ours that stands for several says whom it means.

import type { SystemAccounts } from '../../files/accounts.js';
import type { Invoker } from '../../mail/received.js';
import type { Ids } from '../owners.js';

const accountOf = { network: 'qmaild', alias: 'alias', bounce: 'qmails' } as const;

/** Whom the Received line names for a caller. @throws TemporaryError when the accounts cannot be asked */
export function invokerOf(uid: number, accounts: SystemAccounts): Invoker {
  for (const invoker of ['alias', 'network', 'bounce'] as const)
    if (accounts.user(accountOf[invoker])?.uid === uid) return invoker;
  return { uid };
}

/** The uid and gid that a message is queued as. @throws TemporaryError when the accounts cannot be asked */
export function idsOf(invoker: Invoker, accounts: SystemAccounts, gid?: number): Ids {
  const [ownUid, ownGid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (typeof invoker === 'object')
    return {
      uid: invoker.uid,
      gid: gid ?? (invoker.uid === ownUid ? ownGid : (accounts.userById(invoker.uid)?.gid ?? ownGid)),
    };
  const account = accounts.user(accountOf[invoker]);
  return { uid: account?.uid ?? ownUid, gid: gid ?? account?.gid ?? ownGid };
}
