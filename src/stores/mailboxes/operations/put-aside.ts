// A directory among the messages, which got a UID by its name: as Dovecot does, it is removed when it is empty, else it moves out of the way (formats/dovecot.md 1.4). The message is gone then.
//
//   cur/drafts     ->     extra-drafts

import fs from 'node:fs';
import { errnoOf } from '../../../errors.js';
import { bytesPath, isMissing } from '../../../files/read.js';
import { mailboxFiles } from '../../../layout.js';
import type { Mailbox } from '../folder/mailbox.js';
import { pathOfPlace } from '../folder/names/doubles.js';

/** @throws MailboxRefusal INUSE; TemporaryError */
export async function putDirectoryAside(mailbox: Mailbox, uid: number): Promise<void> {
  await mailbox.change(async () => {
    const row = mailbox.table.indexOf(uid);
    if (row < 0) return;
    const { directory } = mailbox.place;
    const path = pathOfPlace(directory, mailbox.table.placeAt(row));
    try {
      removeOrRename(path, mailboxFiles.extra(directory, mailbox.table.nameAt(row)));
      mailbox.log.warning(`${path} is a directory and no message: it was put aside`);
    } catch (error) {
      if (!isMissing(error) && errnoOf(error) !== 'ENOTDIR') throw error;
    }
    await mailbox.lookAgain();
  });
}

function removeOrRename(path: string, aside: string): void {
  try {
    fs.rmdirSync(bytesPath(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    fs.renameSync(bytesPath(path), bytesPath(aside));
  }
}
