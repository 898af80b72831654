// Folder names of another IMAP server and of this host: there text with a delimiter of its own and perhaps a prefix before all, here modified UTF-7 with `.`.
//
//   there (delimiter /)      here               there (prefix INBOX., delimiter .)    here
//   INBOX                    INBOX              INBOX.Work.Proj                       Work.Proj
//   Work/日本語               Work.&ZeVnLIqe-
//   v1.2/Notes               v1_2.Notes         a dot would be another level here
//   v1_2/Notes               v1_2.Notes         when both are there, the other one is v1_2.Notes_2 here
//   INBOX/Sub                INBOX.Sub            INBOX.INBOX.Sub                     INBOX.Sub

import { inbox, isInbox, separator } from '../../src/formats/mailbox/folder-names.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../src/formats/mailbox/modified-utf7.js';

/** What no name of a folder can have here. */
const impossible = /[./\x00-\x1f\x7f\u2028\u2029]|^~/g;

export interface ListedName {
  readonly path: string;
  readonly delimiter: string;
}

/** @returns names here, each another one, by path there */
export function namesHere(listed: readonly ListedName[], prefix: string): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  // Those whose name is possible here get it, whatever else is there.
  const inOrder = [...listed].sort(
    (a, b) => Number(isChanged(a, prefix)) - Number(isChanged(b, prefix)) || (a.path < b.path ? -1 : 1),
  );
  for (const { path, delimiter } of inOrder) {
    const name = nameHere(path, delimiter, prefix);
    let free = name;
    for (let count = 2; taken.has(free); count++) free = `${name}_${count}`;
    taken.add(free);
    names.set(path, free);
  }
  return names;
}

export function nameHere(path: string, delimiter: string, prefix: string): string {
  if (isInbox(path)) return inbox;
  const levels = levelsOf(path, delimiter, prefix);
  return levels.map((level) => encodeModifiedUtf7(level.replace(impossible, '_'))).join(separator);
}

/** The name there of a folder of this host. */
export function pathThere(name: string, delimiter: string, prefix: string): string {
  const levels = name.split(separator).map((level) => {
    const text = decodeModifiedUtf7(level) ?? level;
    return delimiter === '' ? text : text.replaceAll(delimiter, '_');
  });
  return prefix + levels.join(delimiter === '' ? separator : delimiter);
}

function isChanged({ path, delimiter }: ListedName, prefix: string): boolean {
  return levelsOf(path, delimiter, prefix).some((level) => level.search(impossible) >= 0);
}

function levelsOf(path: string, delimiter: string, prefix: string): string[] {
  return split(path.startsWith(prefix) ? path.slice(prefix.length) : path, delimiter);
}

function split(path: string, delimiter: string): string[] {
  return (delimiter === '' ? [path] : path.split(delimiter)).filter((level) => level !== '');
}
