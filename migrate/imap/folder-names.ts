// Folder names of another IMAP server and of this host: there text with a delimiter of its own and perhaps a prefix before all, here modified UTF-7 with `.`.
//
//   there (delimiter /)      here               there (prefix INBOX., delimiter .)    here
//   INBOX                    INBOX              INBOX.Work.Proj                       Work.Proj
//   Work/日本語               Work.&ZeVnLIqe-
//   v1.2/Notes               v1_2.Notes         a dot would be another level here

import { inbox, isInbox, separator } from '../../src/formats/mailbox/folder-names.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../src/formats/mailbox/modified-utf7.js';

export function nameHere(path: string, delimiter: string, prefix: string): string {
  if (isInbox(path)) return inbox;
  const levels = split(path.startsWith(prefix) ? path.slice(prefix.length) : path, delimiter);
  return levels.map((level) => encodeModifiedUtf7(level.replace(/[./]/g, '_'))).join(separator);
}

/** The levels of a name of this host for a server with this delimiter. */
export function levelsThere(name: string, delimiter: string): string[] {
  return name.split(separator).map((level) => {
    const text = decodeModifiedUtf7(level) ?? level;
    return delimiter === '' ? text : text.replaceAll(delimiter, '_');
  });
}

function split(path: string, delimiter: string): string[] {
  return (delimiter === '' ? [path] : path.split(delimiter)).filter((level) => level !== '');
}
