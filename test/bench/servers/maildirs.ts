// The Maildirs that servers deliver into: made before, counted after (delivered means in new/), emptied between measurements.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { giveToMailOwner } from './workplace.js';

/** Makes a Maildir as vpopmail does, and its account's directory. */
export function makeMaildir(maildir: string): void {
  for (const directory of [
    path.dirname(maildir),
    maildir,
    ...['tmp', 'new', 'cur'].map((name) => path.join(maildir, name)),
  ]) {
    if (fs.existsSync(directory)) continue;
    fs.mkdirSync(directory, { mode: 0o700 });
    giveToMailOwner(directory);
  }
}

/** Fills cur with messages that have been seen before, named as vpopmail names them. */
export function fillMaildir(maildir: string, count: number, message: Buffer): void {
  for (let number = 0; number < count; number++) {
    const name = `${1316097378 + number}.${4711 + number}.mx.bench.example,S=${message.length}:2,S`;
    const file = path.join(maildir, 'cur', name);
    fs.writeFileSync(file, message, { mode: 0o600 });
    giveToMailOwner(file);
  }
}

/** How many messages lie in new/ of all of them. */
export function countMessages(maildirs: readonly string[]): number {
  return maildirs.reduce((sum, maildir) => sum + fs.readdirSync(path.join(maildir, 'new')).length, 0);
}

/**
 * Removes the messages and waits until the disk has done it. For a few large files only: ext4 does not use the inode of a file again for some minutes after
 * its removal, and every file made after thousands of removals pays for the search of one that it may use.
 */
export function clearMessages(maildirs: readonly string[]): void {
  for (const maildir of maildirs) {
    const directory = path.join(maildir, 'new');
    for (const name of fs.readdirSync(directory)) fs.unlinkSync(path.join(directory, name));
  }
  syncDisk(maildirs);
}

/** Waits until what was written is on the disk, so that the next measurement does not pay for it. */
export function syncDisk(maildirs: readonly string[]): void {
  const [first] = maildirs;
  if (first !== undefined) execFileSync('sync', ['-f', first]);
}
