// The directory of an account, made and removed so that it is there or not there, never half.
//
//   ACCOUNT/                     0700, all owned by the domain's uid and gid (formats/vpopmail.md 1.2)
//   ACCOUNT/Maildir/             0700, with new, cur, tmp, 0700
//   ACCOUNT/Maildir/maildirsize  0600, where the account is limited: its quota, nothing used
//   ACCOUNT/lastauth             0600, `0.0.0.0`: never logged in
//
// Made below DOM/.vadduser.PID.RANDOM, where nobody looks, and renamed to its place after its vpasswd line is in force: a crash in between leaves an account whose directory
// the next login or delivery makes. Removed by renaming it to DOM/.vdeluser.PID.RANDOM while the domain is locked, so that the name is free at once, and emptied
// afterwards. Either of the two that a killed process left is removed by the next writer.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../errors.js';
import { namesIn } from '../files/list.js';
import { giveTo, mayChangeOwner } from '../files/owner.js';
import { randomBytes } from '../files/random.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { syncDirectory } from '../files/sync.js';
import { removeTree } from '../files/tree.js';
import { newMaildirsize } from '../formats/maildir/maildirsize.js';
import { isUnlimited, parseQuota } from '../formats/vpopmail/quota.js';
import { accountFiles } from '../layout.js';
import type { DomainPlace } from '../stores/accounts/account-index.js';

/** What lastauth says of an account that nobody has logged in to. */
const neverLoggedIn = '0.0.0.0';

/** New account directories that are not in their places yet. */
export class StagedDirectories {
  readonly #place: DomainPlace;
  readonly #directory: string;

  /** @throws TemporaryError */
  static create(place: DomainPlace): StagedDirectories {
    try {
      return new StagedDirectories(place, makeHidden(place, '.vadduser'));
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  private constructor(place: DomainPlace, directory: string) {
    this.#place = place;
    this.#directory = directory;
  }

  /**
   * Makes the directory of an account; `sync` makes it durable.
   * @param quota as it is stored; a limited account gets its maildirsize
   * @throws TemporaryError
   */
  make(name: string, quota: string): void {
    const home = path.join(this.#directory, name);
    const maildir = accountFiles.maildir(home);
    try {
      for (const directory of [home, maildir, ...['new', 'cur', 'tmp'].map((sub) => path.join(maildir, sub))])
        this.#makeDirectory(directory);
      this.#makeFile(accountFiles.lastauth(home), Buffer.from(neverLoggedIn));
      if (!isUnlimited(parseQuota(quota)))
        this.#makeFile(path.join(maildir, 'maildirsize'), newMaildirsize(quota, { bytes: 0, count: 0 }));
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  /** @throws TemporaryError */
  async sync(name: string): Promise<void> {
    const home = path.join(this.#directory, name);
    await Promise.all([syncDirectory(accountFiles.maildir(home)), syncDirectory(home)]);
  }

  /**
   * Puts an account's directory into its place. One that came into being there meanwhile (a login or a delivery makes a missing one) is left.
   * @throws TemporaryError
   */
  move(name: string, target: string): void {
    try {
      fs.renameSync(bytesPath(path.join(this.#directory, name)), bytesPath(target));
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw fileTrouble(error);
    }
  }

  /** Removes what is left here. Does not throw. */
  async discard(): Promise<void> {
    await removeTree(this.#directory).catch(() => {});
  }

  #makeFile(file: string, content: Buffer): void {
    const fd = fs.openSync(bytesPath(file), 'wx', 0o600);
    try {
      fs.writeSync(fd, content);
      giveTo(fd, this.#place.uid, this.#place.gid);
    } finally {
      fs.closeSync(fd);
    }
  }

  #makeDirectory(directory: string): void {
    fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
    if (mayChangeOwner()) fs.lchownSync(bytesPath(directory), this.#place.uid, this.#place.gid);
  }
}

/** Whether an account's directory could not be made there: something has the name, or there is no directory above. @throws TemporaryError */
export function isTaken(target: string): boolean {
  try {
    if (fs.lstatSync(bytesPath(target), { throwIfNoEntry: false }) !== undefined) return true;
    return fs.statSync(bytesPath(path.dirname(target)), { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    if (['ENOTDIR', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return true;
    throw fileTrouble(error);
  }
}

/** A directory that was taken away and waits to be emptied. */
export interface RemovedDirectory {
  /** Removes what is in it. @throws the system error */
  empty(): Promise<void>;
}

/**
 * Takes an account's directory away, so that its name is free.
 * @param home a disk path below the domain's directory
 * @throws the system error; ENOENT when it is not there
 */
export function takeAway(place: DomainPlace, home: string): RemovedDirectory {
  fs.lstatSync(bytesPath(home));
  const bin = makeHidden(place, '.vdeluser');
  const empty = (): Promise<void> => removeTree(bin);
  try {
    fs.renameSync(bytesPath(home), bytesPath(path.join(bin, path.basename(home))));
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    return { empty: () => Promise.all([removeTree(home), empty()]).then(() => {}) };
  }
  return { empty };
}

/** Removes what killed processes left of new and removed directories, and of .dir-control. Trouble with it is nobody's. */
export async function removeUnfinished(place: DomainPlace): Promise<void> {
  try {
    for (const name of namesIn(place.directory)) {
      const pid = /^\.(?:vadduser|vdeluser|dir-control)\.([0-9]{1,9})(?:\.\w+)?$/.exec(name)?.[1];
      if (pid !== undefined && !isRunning(Number(pid))) await removeTree(path.join(place.directory, name));
    }
  } catch {
    // The next one tries again.
  }
}

/** A directory of this process alone. */
function makeHidden(place: DomainPlace, name: string): string {
  const directory = path.join(place.directory, `${name}.${process.pid}.${randomBytes(6).toString('hex')}`);
  fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
  return directory;
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
