// Where a mailbox is and how files in it are made (formats/dovecot.md 1.8): files `(directory's mode & 0666) | 0600`, directories `(mode & 0777) | 0700` with the setgid bit inherited, all of the
// account's owner.

import fs from 'node:fs';
import { errnoOf } from '../../../errors.js';
import { mayChangeOwner } from '../../../files/owner.js';
import { bytesPath } from '../../../files/read.js';
import { mailboxFiles } from '../../../layout.js';
import type { Owner } from '../mailbox-types.js';
import type { FileManner } from './uid-list-file.js';

export interface MailboxPlace {
  /** Disk path of the mailbox's directory. */
  readonly directory: string;
  /** Disk path of the account's Maildir; the same for INBOX. */
  readonly root: string;
  readonly owner: Owner;
}

/** How files of a mailbox are made. @throws the system error */
export function fileManner({ directory, owner }: MailboxPlace): FileManner {
  const { mode } = fs.statSync(bytesPath(directory));
  return { ...owner, mode: (mode & 0o666) | 0o600 };
}

/** The mode of a directory made below another one. @throws the system error */
export function directoryMode(above: string): number {
  const { mode } = fs.statSync(bytesPath(above));
  return (mode & 0o2777) | 0o700;
}

/** Makes new/, cur/ and tmp/ where they are missing. @throws the system error; ENOENT when the mailbox itself is not there */
export function makeParts({ directory, owner }: MailboxPlace): void {
  const mode = directoryMode(directory);
  for (const part of ['cur', 'new', 'tmp'] as const) makeDirectory(mailboxFiles.part(directory, part), mode, owner);
}

/** Makes a directory; leaves one that is there. @throws the system error */
export function makeDirectory(path: string, mode: number, owner: Owner): void {
  const system = bytesPath(path);
  try {
    fs.mkdirSync(system, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    throw error;
  }
  if (mayChangeOwner()) fs.lchownSync(system, owner.uid, owner.gid);
  // The process's mask may have taken bits; changing the owner takes the setgid bit.
  fs.chmodSync(system, mode);
}
