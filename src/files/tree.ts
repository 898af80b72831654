// Whole directory trees, removed or given to an owner, by a process that may be root, in a place that belongs to somebody else. Their owner can exchange any name for a
// link at any moment, so no path with more than one name below the top is ever used: each directory is opened without following links and its entries are
// reached through its descriptor (/proc/self/fd/N/NAME; node has no openat). Where /proc is not there, through its path.
//
// Entries that vanish meanwhile are none. A directory that fills again while it is emptied (a delivery) is emptied again a few times.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../errors.js';
import { mayChangeOwner } from './owner.js';
import { bytesPath, isMissing } from './read.js';

const emptyAttempts = 5;
const entriesInARow = 500;

/** Removes a directory with all that is in it; of a link, the link alone. @throws the system error; ENOENT when nothing is there */
export async function removeTree(path: string): Promise<void> {
  await removeEntry(path, new Turns());
}

/**
 * Gives a directory and all that is in it to a user and group, links themselves and not what they point at; nothing where this process may not. A file with
 * a second name stays as it is, since that name may be anywhere.
 * @throws the system error
 */
export async function giveTree(path: string, uid: number, gid: number): Promise<void> {
  if (mayChangeOwner()) await giveDirectory(path, { uid, gid }, new Turns());
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Lets others have their turn after some entries. */
class Turns {
  #done = 0;

  async next(): Promise<void> {
    if (++this.#done % entriesInARow === 0) await nextTurn();
  }
}

async function removeEntry(path: string, turns: Turns): Promise<void> {
  await turns.next();
  try {
    fs.unlinkSync(bytesPath(path));
    return;
  } catch (error) {
    // Linux says EISDIR for a directory, others EPERM.
    if (errnoOf(error) !== 'EISDIR' && errnoOf(error) !== 'EPERM') throw error;
  }
  for (let attempt = 1; ; attempt++) {
    await inDirectory(path, async (names, pathOf) => {
      for (const name of names) await unlessGone(() => removeEntry(pathOf(name), turns));
    });
    try {
      fs.rmdirSync(bytesPath(path));
      return;
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' || attempt === emptyAttempts) throw error;
    }
  }
}

async function giveDirectory(path: string, owner: Owner, turns: Turns): Promise<void> {
  await inDirectory(path, async (names, pathOf, fd) => {
    for (const name of names) await unlessGone(() => giveEntry(pathOf(name), owner, turns));
    fs.fchownSync(fd, owner.uid, owner.gid);
  });
}

async function giveEntry(path: string, owner: Owner, turns: Turns): Promise<void> {
  await turns.next();
  const status = fs.lstatSync(bytesPath(path));
  if (status.isDirectory()) await giveDirectory(path, owner, turns);
  else if (status.nlink === 1) fs.lchownSync(bytesPath(path), owner.uid, owner.gid);
}

/** Opens a directory, not through a link, for the time of `work`. */
async function inDirectory(
  path: string,
  work: (names: string[], pathOf: (name: string) => string, fd: number) => Promise<void>,
): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(bytesPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const through = `/proc/self/fd/${fd}`;
    const base = fs.existsSync(through) ? through : path;
    const names = fs.readdirSync(bytesPath(base), { encoding: 'latin1' });
    await work(names, (name) => `${base}/${name}`, fd);
  } finally {
    fs.closeSync(fd);
  }
}

async function unlessGone(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
