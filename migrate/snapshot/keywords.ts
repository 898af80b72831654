// Keywords of messages that their file names do not tell: Courier's, as long as no other server has opened the folder, which then takes them over; and those beyond the 26 letters, which vqmail
// keeps in vq-state.

import { readIfPresent } from '../../src/files/read.js';
import { journalHeaderBytes, parseJournal, parseJournalHeader } from '../../src/formats/mailbox/state-journal.js';
import { mailboxFiles } from '../../src/layout.js';
import { readCourierKeywords } from '../../src/stores/mailboxes/takeover/courier-folder.js';

/** Names by base of the file name and, as far as it is known, UID. */
export type OtherKeywords = (base: string, uid: number | undefined) => readonly string[];

/** Of a folder that only Courier has opened yet. @param directory disk path @throws TemporaryError */
export async function courierKeywords(directory: string): Promise<OtherKeywords> {
  const byBase = await readCourierKeywords(directory);
  return (base) => byBase.get(base) ?? [];
}

/** What vq-state tells; what it tells of another UIDVALIDITY is out of date. @param directory disk path @throws TemporaryError */
export function stateKeywords(directory: string, uidValidity: number): OtherKeywords {
  const bytes = readIfPresent(mailboxFiles.state(directory));
  if (bytes === undefined || parseJournalHeader(bytes)?.uidValidity !== uidValidity) return () => [];
  const names = new Map<number, string>();
  const byUid = new Map<number, Set<number>>();
  parseJournal(bytes.subarray(journalHeaderBytes), {
    message: () => {},
    expunged: () => {},
    keywordName: (number, name) => void names.set(number, name),
    keyword: (uid, number, isSet) => {
      const numbers = byUid.get(uid) ?? new Set();
      if (isSet) numbers.add(number);
      else numbers.delete(number);
      byUid.set(uid, numbers);
    },
  });
  return (_, uid) => [...(byUid.get(uid ?? 0) ?? [])].flatMap((number) => names.get(number) ?? []);
}
