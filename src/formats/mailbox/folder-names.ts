// Names of mailboxes and of their directories in a Maildir (Maildir++; formats/dovecot.md 1.1, 1.2, 4.1).
//
//   INBOX          the Maildir itself, in any case
//   Work.Proj      .Work.Proj
//   &ZeVnLIqe-     .&ZeVnLIqe-       modified UTF-7, Dovecot and Courier before 5.0
//                  .日本語            plain UTF-8, Courier since 5.0, Dovecot with `UTF-8`
//
// A mailbox's name is modified UTF-7 everywhere in this program. Its directory is looked for in these spellings, then in Latin-1 (what is left of very old clients); the first
// that exists is it. `..DOVECOT-TRASHED` holds what is being deleted and is no mailbox.

import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.js';

export const inbox = 'INBOX';
export const separator = '.';

/** Where deleted folders go before they are removed. */
export const trashedDirectory = '..DOVECOT-TRASHED';

const longestLevel = 255;
const longestName = 4096;
/** A file system's limit for one name. */
const longestDirectory = 255;

export function isInbox(name: string): boolean {
  return name.toUpperCase() === inbox;
}

/** Why a name cannot be that of a mailbox, in Dovecot's words; undefined when it can. */
export function folderNameProblem(name: string): string | undefined {
  if (name === '') return 'Name is empty';
  if (name.includes('/')) return "Mailbox name must not have '/' characters";
  if (name.startsWith('~')) return "Begins with '~'";
  if (name.startsWith(separator)) return 'Begins with hierarchy separator';
  if (name.endsWith(separator)) return 'Ends with hierarchy separator';
  if (name.includes(`${separator}${separator}`)) return 'Has adjacent hierarchy separators';
  const text = decodeModifiedUtf7(name);
  if (text === undefined) return 'Mailbox name is not valid mUTF-7';
  if (/[\x00-\x1f\x7f\u2028\u2029]/.test(text)) return 'Mailbox name has control characters';
  if (name.length > longestName || name.split(separator).some((level) => level.length > longestLevel))
    return 'Mailbox name is too long';
  if (name.length + 1 > longestDirectory) return 'Mailbox name is too long';
  return undefined;
}

/** The directory that a new folder gets. One whose name in UTF-8 would be read as another one's in modified UTF-7 (`&-`) gets that. @returns a file name, one character a byte */
export function directoryOfNewFolder(name: string, spelling: 'modified-utf-7' | 'utf-8'): string {
  const readable = spelling === 'utf-8' ? utf8Directory(name) : undefined;
  return readable !== undefined && folderOfDirectory(readable) === name ? readable : `.${name}`;
}

/** The directories that may be a mailbox's, the likeliest first. */
export function directoriesOfFolder(name: string): string[] {
  const text = decodeModifiedUtf7(name);
  const others = text === undefined || text === name ? [] : [utf8Directory(name), latin1Directory(text)];
  return [`.${name}`, ...others.filter((directory) => directory !== undefined)];
}

/** The mailbox that a directory of the Maildir is; undefined when it is none. */
export function folderOfDirectory(directory: string): string | undefined {
  if (!/^\.[^.]/.test(directory) && !/^\.\.[^.]/.test(directory)) return undefined;
  if (directory === trashedDirectory) return undefined;
  const name = directory.slice(1);
  if (decodeModifiedUtf7(name) !== undefined) return name;
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  const isUtf8 = Buffer.from(text, 'utf8').equals(bytes);
  return encodeModifiedUtf7(isUtf8 ? text : name);
}

function utf8Directory(name: string): string | undefined {
  const text = decodeModifiedUtf7(name);
  return text === undefined ? undefined : `.${Buffer.from(text, 'utf8').toString('latin1')}`;
}

function latin1Directory(text: string): string | undefined {
  return /^[\x20-\xff]*$/.test(text) ? `.${text}` : undefined;
}
