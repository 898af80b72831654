// The UIDs of a Maildir's messages for POP3 sessions, and how new messages get theirs, as Dovecot and IMAP sessions of ours give them: by the same list (stores/mailboxes/folder/uid-list-file.ts).
//
// Reading takes no lock. Who has messages without a record enters them under dovecot-uidlist.lock, in the order in which Dovecot enters them; when the lock stays taken they have no UID yet.
// Where the list is missing one is begun, with a UIDVALIDITY of its own; beside Dovecot's index, which knows the old one, that is a temporary failure.

import fs from 'node:fs';
import { TemporaryError } from '../../errors.js';
import { takeDotLock } from '../../files/locks/dot-lock.js';
import { bytesPath } from '../../files/read.js';
import type { UidRecord } from '../../formats/mailbox/dovecot-uidlist.js';
import { inOrderOfArrival } from '../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../layout.js';
import { UidListFile } from '../mailboxes/folder/uid-list-file.js';
import { takeUidValidity } from './uid-validity.js';

export interface KnownUids {
  readonly uidValidity: number;
  recordOf(base: string): UidRecord | undefined;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const lockPatienceMs = 5_000;
const fileMode = 0o600;

/**
 * The records of messages; those that have none are given one.
 * @param bases of all messages that are to have a UID
 * @returns fewer than asked for when somebody holds the lock; undefined when there is no list and none could be made
 * @throws CorruptFileError, TemporaryError or the system error when the list cannot be used
 */
export async function uidsOf(maildir: string, bases: readonly string[], owner: Owner): Promise<KnownUids | undefined> {
  const list = new UidListFile(maildir);
  const withoutRecord = (): string[] => bases.filter((base) => list.uidOf(base) === undefined);
  await list.refresh();
  if (list.header === undefined || withoutRecord().length > 0) {
    const manner = { mode: fileMode, ...owner };
    const lock = await takeDotLock(mailboxFiles.uidList(maildir), { timeoutMs: lockPatienceMs, ...manner });
    try {
      if (lock !== undefined) {
        await list.refresh();
        if (list.header === undefined) begin(list, maildir, owner);
        const missing = inOrderOfArrival(withoutRecord().map((base) => ({ base })));
        // Which of the others have a message still is not known here: all of them stay.
        await list.append(missing, { manner: () => manner, live: list.recordCount, isLive: () => true });
      }
    } finally {
      lock?.release();
    }
  }
  return list.header === undefined ? undefined : known(list);
}

function known(list: UidListFile): KnownUids {
  const recordOf = (base: string): UidRecord | undefined => {
    const uid = list.uidOf(base);
    return uid === undefined ? undefined : { uid, base, extensions: list.extensionsOf(uid) };
  };
  return { uidValidity: list.uidValidity, recordOf };
}

function begin(list: UidListFile, maildir: string, owner: Owner): void {
  for (const file of [mailboxFiles.dovecotIndex(maildir), mailboxFiles.dovecotIndexLog(maildir)]) {
    if (fs.statSync(bytesPath(file), { throwIfNoEntry: false }) === undefined) continue;
    const cause = new Error(`dovecot-uidlist is missing beside ${file}; let Dovecot open the mailbox once`);
    throw new TemporaryError('4.3.0', 'temporary trouble with this mailbox', cause);
  }
  list.begin(takeUidValidity(maildir, owner), 1);
}
