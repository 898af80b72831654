// What a POP3 session changes in a Maildir when it ends with QUIT: deleted messages are removed, the others leave new/ for cur/, with `:2,` behind their names
// (formats/qmail.md 8.3).
//
// A message that is gone is none that had to be removed: qmail-pop3d reports it as an error, here it is what was asked for. A message that has another name by
// now is found by its base (stores/maildir/whereabouts.ts). A move to cur/ never replaces a file that has the name already.
//
// Beside Dovecot (there is a dovecot-uidlist) all of this is done under dovecot-uidlist.lock: a rename while Dovecot lists cur/ could hide a message from it, and
// it would give the message a new UID (formats/dovecot.md 3.4). When the lock stays taken, what is deleted is removed all the same, and new/ is left as it is.
//
// maildirsize gets one line with what went away (formats/vpopmail.md 12.6), so that a full mailbox is open again at once; messages marked as trashed (`T`) are not in
// its sums. The files of a session are worked on a slice at a time, so that other sessions go on.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../../errors.js';
import { type HeldDotLock, takeDotLock } from '../../files/locks/dot-lock.js';
import { bytesPath } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { flagsOf, parseMaildirBase } from '../../formats/maildir/maildir-name.js';
import { accountingRoot, subtractMessages } from './maildirsize.js';
import type { MessageFile } from './message-list.js';
import { type MessagePlace, Whereabouts } from './whereabouts.js';

export interface MailboxChange {
  readonly deleted: readonly MessageFile[];
  /** The others; those that were in new/ when they were listed are moved. */
  readonly kept: readonly MessageFile[];
}

export interface MailboxChanged {
  /** Messages that are still there although they should not be. */
  readonly notRemoved: number;
  /** What is worth a line in the log, first of its kind. */
  readonly troubles: readonly unknown[];
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const sliceLength = 64;

/**
 * Removes and moves messages. Does not throw: what could be done is done, the rest is told.
 * @param maildir disk path
 * @param options how long Dovecot's lock is waited for
 */
export async function changeMailbox(
  maildir: string,
  change: MailboxChange,
  owner: Owner,
  options = { lockPatienceMs: 10_000 },
): Promise<MailboxChanged> {
  const fresh = change.kept.filter(({ part }) => part === 'new');
  if (change.deleted.length === 0 && fresh.length === 0) return { notRemoved: 0, troubles: [] };
  const troubles: unknown[] = [];
  const lock = await lockBesideDovecot(maildir, { ...options, ...owner }, troubles);
  try {
    const notRemoved = await remove(maildir, change.deleted, troubles);
    if (lock !== 'taken by another') await moveToCur(maildir, fresh, troubles);
    return { notRemoved, troubles };
  } finally {
    if (typeof lock === 'object') lock.release();
  }
}

async function lockBesideDovecot(
  maildir: string,
  { lockPatienceMs, ...owner }: Owner & { lockPatienceMs: number },
  troubles: unknown[],
): Promise<HeldDotLock | 'no need' | 'taken by another'> {
  const list = `${maildir}/dovecot-uidlist`;
  try {
    if (fs.statSync(bytesPath(list), { throwIfNoEntry: false }) === undefined) return 'no need';
    const lock = await takeDotLock(list, { timeoutMs: lockPatienceMs, mode: 0o600, ...owner });
    if (lock !== undefined) return lock;
    troubles.push(new Error(`${list}.lock stays taken; messages are left in new/`));
  } catch (error) {
    troubles.push(error);
  }
  return 'taken by another';
}

async function remove(maildir: string, files: readonly MessageFile[], troubles: unknown[]): Promise<number> {
  const whereabouts = new Whereabouts(maildir);
  let [bytes, count, notRemoved] = [0, 0, 0];
  for (const [index, file] of files.entries()) {
    if (index % sliceLength === sliceLength - 1) await nextTurn();
    try {
      const removed = await whereabouts.with(file, (place) => {
        fs.unlinkSync(whereabouts.pathOf(place));
        return place;
      });
      if (removed === undefined || isTrashed(removed.value)) continue;
      bytes += parseMaildirBase(file.base).sizeBytes ?? file.sizeBytes;
      count++;
    } catch (error) {
      if (notRemoved++ === 0) troubles.push(error);
    }
  }
  if (files.length > notRemoved) await settle(maildir, { bytes, count }, troubles);
  return notRemoved;
}

function isTrashed({ part, name }: MessagePlace): boolean {
  return part === 'cur' && flagsOf(name).includes('T');
}

/** Keeps the books, and makes the removals durable. */
async function settle(maildir: string, gone: { bytes: number; count: number }, troubles: unknown[]): Promise<void> {
  try {
    if (gone.count > 0) subtractMessages(accountingRoot(maildir), gone);
    await Promise.all([syncDirectory(`${maildir}/new`), syncDirectory(`${maildir}/cur`)]);
  } catch (error) {
    troubles.push(error);
  }
}

/** A file that is not in new/ any more was moved by somebody else. */
async function moveToCur(maildir: string, files: readonly MessageFile[], troubles: unknown[]): Promise<void> {
  for (const [index, { name }] of files.entries()) {
    if (index % sliceLength === sliceLength - 1) await nextTurn();
    const target = bytesPath(`${maildir}/cur/${name}${name.includes(':') ? '' : ':2,'}`);
    try {
      if (fs.lstatSync(target, { throwIfNoEntry: false }) === undefined)
        fs.renameSync(bytesPath(`${maildir}/new/${name}`), target);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      troubles.push(error);
      return;
    }
  }
}
