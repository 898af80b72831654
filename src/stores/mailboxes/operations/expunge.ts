// Removing messages for good: unlink, under the lock. The records of the UID list stay; they protect the UIDs.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bytesPath, fileTrouble } from '../../../files/read.js';
import type { Mailbox } from '../folder/mailbox.js';
import { Accounting } from './accounting.js';
import { isDeleted } from './store.js';
import { withMessage } from './whereabouts.js';

const removalsInARow = 100;

/**
 * @param uids rising
 * @param which only those marked \Deleted, or any
 * @returns UIDs that were removed by this call
 * @throws MailboxRefusal LOST, INUSE; TemporaryError when one cannot be removed, with those before it gone
 */
export async function expungeMessages(
  mailbox: Mailbox,
  uids: Iterable<number>,
  which: 'deleted' | 'any',
  check: () => void,
): Promise<number[]> {
  return mailbox.change(async () => {
    check();
    const { table } = mailbox;
    const isMeant = (row: number): boolean => row >= 0 && (which === 'any' || isDeleted(table.bitsAt(row)));
    const meant = [...uids].filter((uid) => isMeant(table.indexOf(uid)));
    return meant.length === 0
      ? []
      : mailbox.changing({ fresh: table.newCount > 0, seen: true }, () => removeAll(mailbox, meant));
  });
}

/** Under the lock. @param uids rising */
export async function removeAll(mailbox: Mailbox, uids: readonly number[]): Promise<number[]> {
  const accounting = new Accounting(mailbox);
  const removed: number[] = [];
  try {
    for (const [done, uid] of uids.entries()) {
      if (done % removalsInARow === removalsInARow - 1) await nextTurn();
      const gone = await withMessage(
        mailbox,
        uid,
        () => mailbox.lookAgain(),
        (path, row) => {
          const size = accounting.sizeOf(row, path);
          fs.unlinkSync(bytesPath(path));
          accounting.note(size, mailbox.table.bitsAt(row), undefined);
        },
      );
      if (gone !== undefined) removed.push(uid);
    }
  } catch (error) {
    throw fileTrouble(error);
  } finally {
    mailbox.removeRows(removed.map((uid) => mailbox.table.indexOf(uid)).filter((row) => row >= 0));
    accounting.settle();
  }
  return removed;
}
