// dovecot-uidlist of a folder after sessions were at work: it gives no UID twice.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseUidList, type UidList } from '../../src/formats/mailbox/dovecot-uidlist.js';

/** @param folder `INBOX` or its name on disk without the first dot */
export function soundUidList(maildir: string, folder: string): UidList {
  const file = path.join(maildir, folder === 'INBOX' ? '' : `.${folder}`, 'dovecot-uidlist');
  const list = parseUidList(readFileSync(file), file);
  const uids = list.records.map(({ uid }) => uid);
  assert.deepEqual(
    uids,
    [...new Set(uids)].sort((a, b) => a - b),
    file,
  );
  return list;
}
