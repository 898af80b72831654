// What a POP3 session changes in a Maildir when it ends with QUIT: deleted messages go away, the others leave new/ for cur/ (formats/qmail.md 8.3).
//
// Other programs work in the same Maildir without a lock: a message may have been moved to cur/, given other flags or been removed since it was listed. It is found again by its
// base, the part of its name that never changes. A message that is gone is none that had to be removed: qmail-pop3d reports it as an error, here it is what was asked for.
//
// maildirsize gets one line with what went away (formats/vpopmail.md 12.6), so that a full mailbox is open again at once.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { parseMaildirBase } from '../../formats/maildir-name.js';
import { accountingRoot, subtractMessages } from '../maildirsize.js';
import { type MaildirPart, type MessageFile, messageNames } from './message-list.js';

/** Where the messages of a Maildir are now, by base; looked up once when one is not where it was. */
export class Whereabouts {
  readonly #maildir: string;
  #names: Map<string, string> | undefined;

  constructor(maildir: string) {
    this.#maildir = maildir;
  }

  /** The path of a message; undefined when it is gone. @throws TemporaryError when the Maildir cannot be read */
  async find(file: MessageFile): Promise<string | undefined> {
    const listed = `${this.#maildir}/${file.part}/${file.name}`;
    if (fs.lstatSync(bytesPath(listed), { throwIfNoEntry: false }) !== undefined) return listed;
    this.#names ??= await this.#look();
    return this.#names.get(file.base);
  }

  /** Forgets what was seen, so that the next search looks again. */
  refresh(): void {
    this.#names = undefined;
  }

  async #look(): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const part of ['new', 'cur'] as MaildirPart[]) {
      for (const name of await messageNames(this.#maildir, part)) {
        const colon = name.indexOf(':');
        names.set(colon < 0 ? name : name.slice(0, colon), `${this.#maildir}/${part}/${name}`);
      }
    }
    return names;
  }
}

/**
 * Removes messages.
 * @returns how many could not be removed
 */
export async function removeMessages(maildir: string, files: readonly MessageFile[]): Promise<number> {
  const whereabouts = new Whereabouts(maildir);
  let [bytes, count, failed] = [0, 0, 0];
  for (const file of files) {
    const isGone = await removeOne(whereabouts, file);
    if (isGone === 'failed') failed++;
    if (isGone !== 'removed') continue;
    bytes += parseMaildirBase(file.base).sizeBytes ?? file.sizeBytes;
    count++;
  }
  if (count > 0) {
    subtractMessages(accountingRoot(maildir), { bytes, count });
    await Promise.all([syncDirectory(`${maildir}/new`), syncDirectory(`${maildir}/cur`)]);
  }
  return failed;
}

/** A message may move between the look and the act, so an act that finds nothing looks once more. */
async function removeOne(whereabouts: Whereabouts, file: MessageFile): Promise<'removed' | 'gone' | 'failed'> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const path = await whereabouts.find(file);
      if (path === undefined) return 'gone';
      fs.unlinkSync(bytesPath(path));
      return 'removed';
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') return 'failed';
      whereabouts.refresh();
    }
  }
  return 'gone';
}

/** Moves messages from new/ to cur/ with no flags, as qmail-pop3d does. One that is not there any more was moved by somebody else. */
export function markAsSeenBefore(maildir: string, files: readonly MessageFile[]): void {
  for (const { name, part } of files) {
    if (part !== 'new') continue;
    try {
      fs.renameSync(bytesPath(`${maildir}/new/${name}`), bytesPath(`${maildir}/cur/${name}:2,`));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') return;
    }
  }
}
