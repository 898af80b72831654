// A mailbox that has no dovecot-uidlist yet gets one: taken over from Courier, begun where Dovecot's index says, or new (formats/dovecot.md 2.1, 4.5).
//
//   beside it                        the list begins with
//   courierimapuiddb                 its UIDVALIDITY, UIDs and next UID; POP3's ids of courierpop3dsizelist; keywords become letters (courier-folder.ts)
//   dovecot.index                    its UIDVALIDITY and next UID, so that no UID that Dovecot gave is given again; every message gets a new one, as from Dovecot
//   courierpop3dsizelist alone       the account's next UIDVALIDITY, and the messages in it with the ids that POP3 clients know
//   none of them                     the account's next UIDVALIDITY
//
// Called under dovecot-uidlist.lock. The list itself is written by the first look that follows, with the UIDs of the messages that are there, so a crash leaves no half of it.

import { readIfPresent } from '../../../files/read.js';
import { dovecotIndexHeader } from '../../../formats/mailbox/dovecot-index.js';
import { mailboxFiles } from '../../../layout.js';
import { takeUidValidity } from '../../maildir/uid-validity.js';
import type { Mailbox } from '../folder/mailbox.js';
import { recordsOfPop3, takeOverCourierFolder } from './courier-folder.js';

/** @throws CorruptFileError, TemporaryError or the system error */
export async function beginUidList(mailbox: Mailbox): Promise<void> {
  const { directory, root, owner } = mailbox.place;
  if (await takeOverCourierFolder(mailbox)) return;
  const index = readIfPresent(mailboxFiles.dovecotIndex(directory));
  const log = readIfPresent(mailboxFiles.dovecotIndexLog(directory));
  const known = dovecotIndexHeader(index, log);
  if (known !== undefined) mailbox.uidList.begin(known.uidValidity, known.nextUid);
  else mailbox.uidList.begin(takeUidValidity(root, owner), 1, await recordsOfPop3(directory));
}
