// Which directories of a Maildir are mailboxes (Maildir++; formats/mailbox/folder-names.ts).

import fs from 'node:fs';
import { errnoOf } from '../../../errors.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../../files/read.js';
import {
  directoriesOfFolder,
  folderNameProblem,
  folderOfDirectory,
  inbox,
  isInbox,
  separator,
} from '../../../formats/mailbox/folder-names.js';
import { parseSpecialUses } from '../../../formats/mailbox/special-use.js';
import { accountMailboxFiles, mailboxFiles } from '../../../layout.js';
import type { ListedMailbox } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';

/** The name as it is used; INBOX in capitals. @throws MailboxRefusal CANNOT */
export function mailboxName(name: string): string {
  if (isInbox(name)) return inbox;
  const problem = folderNameProblem(name);
  if (problem !== undefined) throw new MailboxRefusal('CANNOT', `Invalid mailbox name: ${problem}`);
  return name;
}

/** The disk path of a mailbox; undefined when it is not there. @param name as `mailboxName` gives it @throws TemporaryError */
export function findDirectory(root: string, name: string): string | undefined {
  if (name === inbox) return root;
  return directoriesOfFolder(name)
    .map((directory) => accountMailboxFiles.folder(root, directory))
    .find(isDirectory);
}

/** The disk path of a mailbox. @throws MailboxRefusal NONEXISTENT */
export function mustFindDirectory(root: string, name: string): string {
  const directory = findDirectory(root, name);
  if (directory === undefined) throw new MailboxRefusal('NONEXISTENT', `Mailbox doesn't exist: ${name}`);
  return directory;
}

/** The folders that there are, with their directories (disk paths), by bytes. @throws TemporaryError */
export function listFolders(root: string): { readonly name: string; readonly directory: string }[] {
  try {
    const entries = fs.readdirSync(bytesPath(root), { withFileTypes: true, encoding: 'latin1' });
    const folders = entries.flatMap((entry) => {
      const name = folderOfDirectory(entry.name);
      if (name === undefined || isInbox(name)) return [];
      const directory = accountMailboxFiles.folder(root, entry.name);
      // A link to a directory is a folder too; where the kernel does not tell the kind, a look does.
      return entry.isDirectory() || (!entry.isFile() && isDirectory(directory)) ? [{ name, directory }] : [];
    });
    // Of two spellings of one name the first that is looked for is it.
    const once = new Map(folders.map((folder) => [folder.name, folder]));
    for (const [name, folder] of once)
      once.set(name, { name, directory: findDirectory(root, name) ?? folder.directory });
    return [...once.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw fileTrouble(error);
  }
}

/** What LIST tells: INBOX first, then by bytes, with the names above that are no mailboxes. @throws TemporaryError */
export function listMailboxes(root: string): ListedMailbox[] {
  const directories = new Map(listFolders(root).map(({ name, directory }) => [name, directory]));
  const names = new Set(directories.keys());
  const parents = new Set<string>();
  for (const name of names) for (const parent of namesAbove(name)) parents.add(parent);
  const all = [...new Set([...names, ...parents])].filter((name) => !isInbox(name)).sort();
  return [inbox, ...all].map((name) => ({
    name,
    isSelectable: name === inbox || names.has(name),
    hasChildren: parents.has(name),
    createdFor: specialUsesOf(directories.get(name)),
  }));
}

/** Nearly no mailbox has the file. */
function specialUsesOf(directory: string | undefined): readonly string[] {
  const file = directory && mailboxFiles.specialUse(directory);
  if (file === undefined || !fs.existsSync(bytesPath(file))) return [];
  const bytes = readIfPresent(file);
  return bytes === undefined ? [] : parseSpecialUses(bytes);
}

function namesAbove(name: string): string[] {
  const above: string[] = [];
  for (let at = name.indexOf(separator); at >= 0; at = name.indexOf(separator, at + 1)) {
    const parent = name.slice(0, at);
    above.push(isInbox(parent) ? inbox : parent);
  }
  return above;
}

function isDirectory(path: string): boolean {
  try {
    return fs.statSync(bytesPath(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR' || errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENAMETOOLONG') return false;
    throw fileTrouble(error);
  }
}
