// Making, removing and renaming mailboxes of an account, as Dovecot does it and beside it (formats/dovecot.md 1.6, 3.2). All under Dovecot's lock of the list, mailboxes.lock.
//
//   make      built in tmp/ of the root with all that is in it, renamed to its name              a crash leaves a directory in tmp/
//   remove    renamed to ..DOVECOT-TRASHED (or into it, when that is there), then removed        what is left of it there, which is no mailbox
//   rename    the directory, then one by one those below it                                       some of them with the new name
//
// A directory that is renamed takes along the lock of whoever is at work in it, and Dovecot would look for that under the old name only: so it is renamed under that lock too. When that cannot be had soon the lock
// is removed after the rename: Dovecot renames without it, and leaves locks that nobody can release, on which its own DELETE then waits for two minutes with the list locked.
//
// UIDVALIDITY and UIDs go along with a directory; a mailbox that is made anew under an old name gets a higher UIDVALIDITY.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { errnoOf } from '../../../errors.js';
import { takeDotLock } from '../../../files/locks/dot-lock.js';
import { takeLock } from '../../../files/locks/lock.js';
import { giveTo } from '../../../files/owner.js';
import { bytesPath, isMissing } from '../../../files/read.js';
import { syncDirectory } from '../../../files/sync.js';
import { removeTree } from '../../../files/tree.js';
import { uidListHeaderLine } from '../../../formats/mailbox/dovecot-uidlist.js';
import { directoryOfNewFolder, separator, trashedDirectory } from '../../../formats/mailbox/folder-names.js';
import { serializeSpecialUses } from '../../../formats/mailbox/special-use.js';
import { hostInName } from '../../../formats/maildir/maildir-name.js';
import { accountMailboxFiles, mailboxFiles } from '../../../layout.js';
import { nextUniqueName } from '../../maildir/maildir-message.js';
import { takeUidValidity } from '../../maildir/uid-validity.js';
import { directoryMode, fileManner, makeDirectory, makeParts } from '../folder/place.js';
import type { Owner } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';
import { findDirectory, listFolders, mustFindDirectory } from './folder-directories.js';

const listLockPatienceMs = 60_000;
/** Of a folder that is renamed: whoever holds its lock may be waiting for the list, which is locked here, or have lost it by a rename of Dovecot's. */
const folderLockPatienceMs = 2_000;
const trashAttempts = 10;

export interface FolderAccount {
  readonly root: string;
  readonly owner: Owner;
  readonly directoryNames: 'modified-utf-7' | 'utf-8';
}

/**
 * @param uses what it is for: `\Sent`
 * @returns the new mailbox's GUID
 * @throws MailboxRefusal ALREADYEXISTS; TemporaryError or the system error
 */
export function makeFolder(account: FolderAccount, name: string, uses: readonly string[]): Promise<string> {
  return withList(account, async () => {
    const { root, owner, directoryNames } = account;
    if (findDirectory(root, name) !== undefined) throw alreadyExists();
    const built = mailboxFiles.message(root, 'tmp', nextUniqueName());
    const guid = randomBytes(16).toString('hex');
    try {
      makeDirectory(built, directoryMode(root), owner);
      fill(account, built, guid, uses);
      fs.renameSync(
        bytesPath(built),
        bytesPath(accountMailboxFiles.folder(root, directoryOfNewFolder(name, directoryNames))),
      );
    } catch (error) {
      await removeTree(built).catch(() => {});
      throw errnoOf(error) === 'ENAMETOOLONG' ? new MailboxRefusal('CANNOT', 'Mailbox name is too long') : error;
    }
    await syncDirectory(root);
    return guid;
  });
}

function fill({ root, owner }: FolderAccount, directory: string, guid: string, uses: readonly string[]): void {
  makeParts({ directory, root, owner });
  const { mode } = fileManner({ directory, root, owner });
  const uidValidity = takeUidValidity(root, owner);
  const header = uidListHeaderLine({ version: 3, uidValidity, headerNextUid: 1, headerFields: [`G${guid}`] });
  const files: [string, string][] = [
    [mailboxFiles.folderMark(directory), ''],
    [mailboxFiles.uidList(directory), header],
  ];
  if (uses.length > 0) files.push([mailboxFiles.specialUse(directory), serializeSpecialUses(uses)]);
  for (const [file, text] of files) {
    const fd = fs.openSync(bytesPath(file), 'wx', mode);
    try {
      giveTo(fd, owner.uid, owner.gid);
      fs.fchmodSync(fd, mode);
      fs.writeSync(fd, text);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }
}

/** @param beforehand called with the mailbox's directory before it goes @throws MailboxRefusal NONEXISTENT; TemporaryError or the system error */
export async function removeFolder(
  account: FolderAccount,
  name: string,
  beforehand: (directory: string) => Promise<void>,
): Promise<void> {
  const trashed = await withList(account, async () => {
    const directory = mustFindDirectory(account.root, name);
    await beforehand(directory);
    const moved = moveToTrash(account, directory);
    await syncDirectory(account.root);
    return moved;
  });
  await removeTree(trashed).catch((error: unknown) => {
    // Dovecot, or another session, empties the trash or puts something into it: it removes this too.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
  });
}

/** @returns where it is now */
function moveToTrash({ root, owner }: FolderAccount, directory: string): string {
  const trash = accountMailboxFiles.folder(root, trashedDirectory);
  for (let attempt = 1; ; attempt++) {
    try {
      fs.renameSync(bytesPath(directory), bytesPath(trash));
      return trash;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error;
    }
    const inside = `${trash}/${hostInName(os.hostname())}.${process.pid}.${randomBytes(8).toString('hex')}`;
    try {
      makeDirectory(trash, directoryMode(root), owner);
      fs.renameSync(bytesPath(directory), bytesPath(inside));
      return inside;
    } catch (error) {
      // Whoever empties the trash may have removed it in between.
      if (!isMissing(error) || attempt === trashAttempts) throw error;
    }
  }
}

/** @returns the directories that have another name now @throws MailboxRefusal NONEXISTENT, ALREADYEXISTS, CANNOT; TemporaryError or the system error */
export function renameFolder(account: FolderAccount, from: string, to: string): Promise<readonly string[]> {
  return withList(account, async () => {
    const { root, owner, directoryNames } = account;
    const below = `${from}${separator}`;
    if (`${to}${separator}`.startsWith(below)) throw new MailboxRefusal('CANNOT', "Can't rename mailbox under itself");
    const affected = listFolders(root).filter(({ name }) => name === from || name.startsWith(below));
    if (affected.length === 0) throw new MailboxRefusal('NONEXISTENT', `Mailbox doesn't exist: ${from}`);
    const renames = affected.map(({ name, directory }) => {
      const renamed = `${to}${name.slice(from.length)}`;
      return {
        directory,
        renamed,
        target: accountMailboxFiles.folder(root, directoryOfNewFolder(renamed, directoryNames)),
      };
    });
    if (
      findDirectory(root, to) !== undefined ||
      renames.some(({ renamed }) => findDirectory(root, renamed) !== undefined)
    )
      throw alreadyExists();
    for (const { directory, target } of renames) {
      const lock = await takeDotLock(mailboxFiles.uidList(directory), {
        timeoutMs: folderLockPatienceMs,
        ...fileManner({ directory, root, owner }),
      });
      try {
        fs.renameSync(bytesPath(directory), bytesPath(target));
        // Its holder looks for it under the old name: it would stay for as long as that process lives.
        if (lock === undefined) fs.rmSync(bytesPath(`${mailboxFiles.uidList(target)}.lock`), { force: true });
      } finally {
        lock?.release();
      }
    }
    await syncDirectory(root);
    return renames.map(({ directory }) => directory);
  });
}

function alreadyExists(): MailboxRefusal {
  return new MailboxRefusal('ALREADYEXISTS', 'Mailbox already exists');
}

/** Dovecot's lock of the list: a record lock on a file that is there only as long as it is held. */
async function withList<T>({ root, owner }: FolderAccount, work: () => Promise<T>): Promise<T> {
  const path = accountMailboxFiles.listLock(root);
  const lock = await takeLock(path, { kind: 'fcntl', timeoutMs: listLockPatienceMs, ...owner });
  try {
    return await work();
  } finally {
    fs.rmSync(bytesPath(path), { force: true });
    lock.release();
  }
}
