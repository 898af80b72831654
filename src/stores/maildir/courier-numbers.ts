// The numbers that Courier's POP3 server gave to a Maildir's messages, in courierpop3dsizelist (form: formats/maildir/courier-size-list.ts), and how new messages get
// theirs: the list's next number and its time. The list is then replaced, as Courier replaces it: written in tmp/, renamed, without a lock; messages that are
// gone leave it. Without a list a new one begins at number 1 with the current time.

import { readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { parseSizeList, type SizeListEntry, serializeSizeList } from '../../formats/maildir/courier-size-list.js';
import { parseMaildirName } from '../../formats/maildir/maildir-name.js';
import { closingOctets } from '../../protocols/pop3-message.js';
import type { MessageFile } from './message-list.js';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The entries of messages by base; those that have none are entered.
 * @param sizeOf the octets of a message as it is sent; undefined: it is gone, and gets no entry
 * @throws CorruptFileError or TemporaryError when the list cannot be used
 */
export async function courierEntriesOf(
  maildir: string,
  files: readonly MessageFile[],
  owner: Owner,
  sizeOf: (file: MessageFile) => Promise<number | undefined>,
): Promise<ReadonlyMap<string, SizeListEntry>> {
  const path = `${maildir}/courierpop3dsizelist`;
  const bytes = readIfPresent(path);
  const nowSeconds = Math.floor(Date.now() / 1000);
  const list = bytes === undefined ? { nextNumber: 1, time: nowSeconds, entries: [] } : parseSizeList(bytes, path);
  const before = new Map(list.entries.map((entry) => [parseMaildirName(entry.name).base, entry]));
  // The old form has no time of its own.
  const time = list.time === 0 ? nowSeconds : list.time;
  let nextNumber = Math.max(1, list.nextNumber);
  const now = new Map<string, SizeListEntry>();
  for (const file of files) {
    const entry = before.get(file.base);
    const octets = entry === undefined ? await sizeOf(file) : undefined;
    if (entry !== undefined) now.set(file.base, { ...entry, name: file.name });
    else if (octets !== undefined)
      now.set(file.base, {
        name: file.name,
        sizeOctets: octets - closingOctets,
        number: nextNumber++,
        time,
        utf8: '0',
      });
  }
  if (nextNumber !== list.nextNumber || bytes === undefined) {
    const temporaryName = `tmp/${nowSeconds}.${process.pid}_courierpop3dsizelist`;
    const next = { nextNumber, time, entries: [...now.values()] };
    await replaceFile(path, serializeSizeList(next), { mode: 0o600, ...owner, temporaryName });
  }
  return now;
}
