// A Maildir as a place that mail is put into: is it one, make one, remove what crashed writers left in its tmp/. Messages: stores/maildir/maildir-message.ts,
// how full it is: stores/maildir/maildirsize.ts.
//
//   ACCOUNT/                 0700, all owned by the domain's uid and gid
//   ACCOUNT/Maildir/         0700, then new, cur, tmp, each 0700, made in this order (formats/vpopmail.md 1.2)
//
// vdelivermail makes the account's directory and Maildir again when the directory is missing, and only then: a missing Maildir in an existing directory is
// somebody's half-done work and defers. Where the account's directory lies outside the domain's, its parent must exist: it may be a disk that is
// not mounted now, and mail must not go under the mount point.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { listDirectory } from '../../files/list.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { accountFiles } from '../../layout.js';
import type { FileOwner } from './maildir-message.js';

/** Files in tmp/ whose last access is longer ago belong to nobody any more (qmail's maildir(5)). */
const staleMs = 36 * 3600 * 1000;

/**
 * What keeps mail from being put into a Maildir (disk path), as far as a look tells: `missing` is the Maildir itself, `broken` one of the directories in
 * it that writing needs. undefined: nothing.
 * @throws the system error when it cannot be looked at
 */
export function maildirProblem(maildir: string): 'missing' | 'broken' | undefined {
  if (isDirectory(path.join(maildir, 'tmp')) && isDirectory(path.join(maildir, 'new'))) return undefined;
  return isDirectory(maildir) ? 'broken' : 'missing';
}

/**
 * Makes an account's directory with its Maildir, and what is missing above it up to the domain's directory. What exists is left as it is. Durable when
 * it resolves.
 * @throws the system error
 */
export async function makeAccountDirectory(home: string, domainDirectory: string, owner: FileOwner): Promise<void> {
  const maildir = accountFiles.maildir(home);
  const above = missingAbove(home, domainDirectory);
  const all = [...above, home, maildir, ...['new', 'cur', 'tmp'].map((name) => path.join(maildir, name))];
  const made = all.filter((directory) => makeDirectory(directory, owner));
  await Promise.all([...new Set(made.map((directory) => path.dirname(directory)))].map(syncDirectory));
}

/**
 * Removes files from tmp/ that were last used more than 36 hours ago: their writers are dead.
 * @returns how many; trouble with one file leaves it, and a directory that cannot be read has none
 */
export async function removeStaleTemporaries(maildir: string, nowMs: number): Promise<number> {
  const directory = path.join(maildir, 'tmp');
  const found = await listDirectory(directory).catch(() => undefined);
  let removed = 0;
  for (const name of found ?? []) {
    if (!name.startsWith('.') && (await removeIfStale(path.join(directory, name), nowMs))) removed++;
  }
  return removed;
}

async function removeIfStale(file: string, nowMs: number): Promise<boolean> {
  try {
    const status = await fs.promises.lstat(bytesPath(file));
    if (!status.isFile() || Math.max(status.atimeMs, status.mtimeMs) > nowMs - staleMs) return false;
    await fs.promises.unlink(bytesPath(file));
    return true;
  } catch {
    return false;
  }
}

/** The directories between the domain's and the account's that are not there (hash directories), top first. */
function missingAbove(home: string, domainDirectory: string): string[] {
  const missing: string[] = [];
  for (let directory = path.dirname(home); directory.startsWith(`${domainDirectory}/`); ) {
    if (isDirectory(directory)) break;
    missing.unshift(directory);
    directory = path.dirname(directory);
  }
  return missing;
}

/** Whether it was made by this call. */
function makeDirectory(directory: string, owner: FileOwner): boolean {
  try {
    fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  if (mayChangeOwner()) fs.lchownSync(bytesPath(directory), owner.uid, owner.gid);
  return true;
}

function isDirectory(directory: string): boolean {
  try {
    return fs.statSync(bytesPath(directory), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
