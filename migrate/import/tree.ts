// Which folders lie below a path: a Maildir with its Maildir++ folders, Maildirs in directories of their own, mbox files in directories.
//
//   PATH/cur                   INBOX                   PATH is a file              INBOX
//   PATH/.Work.Proj/cur        Work.Proj               PATH/inbox, PATH/mbox       INBOX
//   PATH/Work/Proj/cur         Work.Proj               PATH/Work/Proj              Work.Proj, an mbox
//                                                      PATH/Work.sbd/Proj          Work.Proj (Thunderbird)
//
// A dot in a name is `_`, where it would be another level. Names that are not modified UTF-7 are taken for UTF-8, or else Latin-1.

import fs from 'node:fs';
import path from 'node:path';
import { bytesPath } from '../../src/files/read.js';
import { folderOfDirectory, inbox, isInbox, separator } from '../../src/formats/mailbox/folder-names.js';
import type { Tell } from '../copy/ends.js';
import { fromLineTime } from './mbox.js';

export interface TreeFolder {
  readonly kind: 'maildir' | 'mbox';
  /** Disk path. */
  readonly path: string;
}

/** What Thunderbird and other programs keep beside mbox files. */
const beside = /\.(msf|dat|html|json|lock|cache)$/i;

/**
 * Folders by name, INBOX first.
 * @param root disk path
 * @param tell hears of each file that is no folder
 * @throws the system error when the root cannot be looked at
 */
export function foldersBelow(root: string, tell: Tell): Map<string, TreeFolder> {
  const found = new Map<string, TreeFolder>();
  const enter = (levels: readonly string[], folder: TreeFolder): void => {
    const name = levels.length === 0 ? inbox : levels.join(separator);
    const known = isInbox(name) ? inbox : name;
    const before = found.get(known);
    if (before === undefined) found.set(known, folder);
    else tell(folder.path, `is ${known} too, which is ${before.path} already`);
  };
  // A symbolic link may lead to where the look came from.
  const entered = new Set<string>();
  const look = (place: string, levels: readonly string[]): void => {
    const status = fs.statSync(bytesPath(place));
    if (status.isFile()) {
      if (status.size === 0 ? isEmptyMbox(place, root) : beginsAsMbox(place))
        enter(levels, { kind: 'mbox', path: place });
      else if (status.size > 0 && !beside.test(place))
        tell(place, 'is no mbox file: it does not begin with a From line');
      return;
    }
    const isNew = !entered.has(`${status.dev}:${status.ino}`);
    if (!status.isDirectory() || !isNew) return;
    entered.add(`${status.dev}:${status.ino}`);
    const names = fs.readdirSync(bytesPath(place), 'latin1').sort();
    const isMaildir = names.includes('cur') && names.includes('new');
    if (isMaildir) enter(levels, { kind: 'maildir', path: place });
    for (const name of names) {
      const below = path.join(place, name);
      try {
        if (name.startsWith('.')) {
          const folder = folderOfDirectory(name);
          if (folder !== undefined && fs.existsSync(bytesPath(path.join(below, 'cur'))))
            enter([...levels, folder], { kind: 'maildir', path: below });
        } else if (!isMaildir || (!['cur', 'new', 'tmp'].includes(name) && fs.statSync(bytesPath(below)).isDirectory()))
          look(below, [...levels, ...levelOf(name, levels)]);
      } catch (error) {
        tell(below, error instanceof Error ? error.message : String(error));
      }
    }
  };
  look(root, []);
  return new Map([...found].sort(([a], [b]) => Number(b === inbox) - Number(a === inbox) || (a < b ? -1 : 1)));
}

function levelOf(name: string, above: readonly string[]): string[] {
  const plain = name.replace(/\.sbd$/, '').replaceAll('.', '_');
  if (above.length === 0 && /^(inbox|mbox)$/i.test(plain)) return [];
  return [folderOfDirectory(`.${plain}`) ?? plain];
}

/** Whether a file without anything in it is a folder without messages. */
function isEmptyMbox(place: string, root: string): boolean {
  return place === root || !path.basename(place).includes('.');
}

function beginsAsMbox(file: string): boolean {
  const fd = fs.openSync(bytesPath(file), 'r');
  try {
    const start = Buffer.alloc(1000);
    const count = fs.readSync(fd, start, 0, start.length, 0);
    const [line = ''] = start.toString('latin1', 0, count).split(/\r?\n/);
    return fromLineTime(line) !== undefined;
  } finally {
    fs.closeSync(fd);
  }
}
