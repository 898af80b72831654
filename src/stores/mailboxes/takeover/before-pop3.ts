// A Maildir that only Courier has served, before a POP3 server asks for UIDs of Dovecot's kind: the whole of it is taken over first, as when an IMAP session opens it, or the UIDs and keywords
// that IMAP clients know would be lost to a list that begins anew.

import fs from 'node:fs';
import { bytesPath } from '../../../files/read.js';
import { mailboxFiles } from '../../../layout.js';
import type { Log } from '../../../log.js';
import { Mailbox } from '../folder/mailbox.js';
import type { Owner } from '../mailbox-types.js';

/** Nothing is done where there is a UID list, or nothing of Courier's. @param maildir disk path @throws MailboxRefusal, CorruptFileError or TemporaryError */
export async function takeOverFromCourier(maildir: string, owner: Owner, log: Log): Promise<void> {
  if (isPresent(mailboxFiles.uidList(maildir))) return;
  if (![mailboxFiles.courierUidList(maildir), mailboxFiles.courierSizeList(maildir)].some(isPresent)) return;
  await new Mailbox({ directory: maildir, root: maildir, owner }, log).sync();
}

function isPresent(path: string): boolean {
  return fs.statSync(bytesPath(path), { throwIfNoEntry: false }) !== undefined;
}
