// To whom the files of the queue belong: messages and envelopes to qmailq, what qmail-send keeps to qmails, both of group qmail (formats/qmail.md 3.1). qmail-send cannot
// read a recipient file of somebody else, and its spawners refuse a message that is not qmailq's.
//
// Looked up by name. A host that has no such accounts (they were named otherwise when its qmail was compiled) shows them as the owners of mess/ and info/. An ordinary user
// cannot give files away: they stay with whoever runs.

import fs from 'node:fs';
import type { SystemAccounts } from '../files/accounts.js';
import { mayChangeOwner } from '../files/owner.js';
import { bytesPath } from '../files/read.js';
import type { QueueTree } from './tree.js';

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** undefined: as it falls. */
export interface QueueOwners {
  /** Of mess/, intd/ and todo/; the group of a file is that of whoever queued it. */
  readonly queue: Ids | undefined;
  /** Of info/, local/, remote/ and bounce/. */
  readonly send: Ids | undefined;
}

/** @throws TemporaryError when the account database cannot be asked, the system error when the queue has no mess/ or info/ */
export function queueOwners(tree: QueueTree, accounts: SystemAccounts): QueueOwners {
  if (!mayChangeOwner()) return { queue: undefined, send: undefined };
  const group = accounts.group('qmail');
  const named = (name: string, kind: 'mess' | 'info'): Ids => {
    const user = accounts.user(name);
    if (user !== undefined && group !== undefined) return { uid: user.uid, gid: group.gid };
    const { uid, gid } = fs.statSync(bytesPath(tree.directories(kind)[0] ?? tree.directory));
    return { uid, gid };
  };
  return { queue: named('qmailq', 'mess'), send: named('qmails', 'info') };
}
