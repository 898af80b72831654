// What Courier knows of a folder, taken over into Dovecot's files at the first opening (formats/dovecot.md 4.2 to 4.6). Courier's own files stay as they are.
//
//   courierimapuiddb           -> the UID list, with the same UIDVALIDITY, UIDs and next UID
//   courierpop3dsizelist       -> P extensions: the ids that POP3 clients know go on
//   courierimapkeywords        -> names in dovecot-keywords and letters in the file names; those beyond 26, the least used, in vq-state
//
// Keywords are done first, each file by a rename, the list last: a crash in between is made good by the next opening, which finds letters that are there already.

import fs from 'node:fs';
import { listDirectory } from '../../../files/list.js';
import { bytesPath, fileTrouble, isMissing, readIfPresent } from '../../../files/read.js';
import { parseCourierKeywords } from '../../../formats/mailbox/courier-keywords.js';
import { isKeyword, letteredKeywords } from '../../../formats/mailbox/dovecot-keywords.js';
import { nextUid, parseUidList } from '../../../formats/mailbox/dovecot-uidlist.js';
import { bitsOfLetters, changedLetters } from '../../../formats/mailbox/message-flags.js';
import { courierUidl, parseSizeList } from '../../../formats/maildir/courier-size-list.js';
import { flagsOf, inOrderOfArrival, parseMaildirName, withFlags } from '../../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../../layout.js';
import { messageNames } from '../../maildir/message-list.js';
import type { Mailbox } from '../folder/mailbox.js';

/** @returns false when Courier was never here @throws CorruptFileError or TemporaryError */
export async function takeOverCourierFolder(mailbox: Mailbox): Promise<boolean> {
  const { directory } = mailbox.place;
  const path = mailboxFiles.courierUidList(directory);
  const bytes = readIfPresent(path);
  if (bytes === undefined) return false;
  const list = parseUidList(bytes, path);
  const ids = await popIds(directory);
  const listed = list.records.map(({ uid, base }) => {
    const id = ids.get(base);
    ids.delete(base);
    return { uid, base, extensions: id === undefined ? [] : [`P${id}`] };
  });
  const records = [...listed, ...numbered(ids, nextUid(list))];
  const uids = new Map(list.records.map(({ uid, base }) => [base, uid]));
  const left = await takeOverKeywords(mailbox);
  mailbox.uidList.begin(list.uidValidity, list.headerNextUid, records);
  // Keywords without a letter go by UID; the state begins with the list's UIDVALIDITY.
  mailbox.state.refresh(list.uidValidity, () => {});
  const modSeq = mailbox.state.next();
  for (const { number, name } of left.names) mailbox.state.noteName(number, name);
  for (const [base, numbers] of left.byBase) {
    const uid = uids.get(base);
    if (uid !== undefined) for (const number of numbers) mailbox.state.noteKeyword(uid, number, true, modSeq);
  }
  mailbox.log.info(`mailbox ${directory}: taken over from Courier, ${records.length} messages`);
  return true;
}

/** Records for the messages that Courier's POP3 server knows, where no IMAP server has ever given UIDs. @throws CorruptFileError or TemporaryError */
export async function recordsOfPop3(directory: string): Promise<NewRecord[]> {
  return numbered(await popIds(directory), 1);
}

interface NewRecord {
  readonly uid: number;
  readonly base: string;
  readonly extensions: readonly string[];
}

/** In order of arrival, with the ids that POP3 clients know. */
function numbered(ids: ReadonlyMap<string, string>, firstUid: number): NewRecord[] {
  return inOrderOfArrival([...ids.keys()].map((base) => ({ base }))).map(({ base }, index) => ({
    uid: firstUid + index,
    base,
    extensions: [`P${ids.get(base)}`],
  }));
}

/** Base -> the id that Courier's POP3 server tells of a message that is there. */
async function popIds(directory: string): Promise<Map<string, string>> {
  const path = mailboxFiles.courierSizeList(directory);
  const bytes = readIfPresent(path);
  if (bytes === undefined) return new Map();
  const names = [...(await messageNames(directory, 'new')), ...(await messageNames(directory, 'cur'))];
  const there = new Set(names.map((name) => parseMaildirName(name).base));
  return new Map(
    parseSizeList(bytes, path).entries.flatMap((entry) => {
      const { base } = parseMaildirName(entry.name);
      return there.has(base) ? [[base, courierUidl(entry, base)] as const] : [];
    }),
  );
}

interface KeywordsLeft {
  readonly names: readonly { readonly number: number; readonly name: string }[];
  readonly byBase: ReadonlyMap<string, readonly number[]>;
}

/** @returns keywords that have no letter */
async function takeOverKeywords(mailbox: Mailbox): Promise<KeywordsLeft> {
  const { keywords, lost } = possible(await readCourierKeywords(mailbox.place.directory));
  if (lost.size > 0)
    mailbox.log.warning(
      `mailbox ${mailbox.place.directory}: Courier's keywords ${[...lost].map((name) => JSON.stringify(name)).join(', ')} cannot be kept`,
    );
  const names = mostUsedFirst(keywords.values());
  if (names.length === 0) return { names: [], byBase: new Map() };
  mailbox.keywords.refresh();
  const left = mailbox.keywords.register(names, 0, mailbox.manner());
  const byBase = new Map<string, number[]>();
  const bits = new Map<string, number>();
  for (const [base, names] of keywords) {
    const numbers = names.flatMap((name) => mailbox.keywords.numberOf(name) ?? []);
    const others = numbers.filter((number) => number >= letteredKeywords);
    if (others.length > 0) byBase.set(base, others);
    bits.set(
      base,
      numbers.reduce((sum, number) => (number < letteredKeywords ? sum | (1 << number) : sum), 0),
    );
  }
  await addLetters(mailbox.place.directory, bits);
  if (left.length > 0)
    mailbox.log.warning(
      `mailbox ${mailbox.place.directory}: ${left.length} of Courier's keywords have no letter; other servers will not see them`,
    );
  return { names: left, byBase };
}

/** Without names that cannot be keywords here, and those. */
function possible(all: ReadonlyMap<string, readonly string[]>): {
  keywords: ReadonlyMap<string, readonly string[]>;
  lost: ReadonlySet<string>;
} {
  const lost = new Set([...all.values()].flat().filter((name) => !isKeyword(name)));
  return { keywords: new Map([...all].map(([base, names]) => [base, names.filter(isKeyword)])), lost };
}

/** Keyword names by base of a message; none where Courier has left none. @throws TemporaryError */
export async function readCourierKeywords(directory: string): Promise<Map<string, readonly string[]>> {
  const folder = mailboxFiles.courierKeywords(directory);
  const names = (await listDirectory(folder)) ?? [];
  const files = names.flatMap((name) => {
    const bytes = readIfPresent(`${folder}/${name}`);
    return bytes === undefined ? [] : [{ name, bytes }];
  });
  return parseCourierKeywords(files);
}

function mostUsedFirst(all: Iterable<readonly string[]>): string[] {
  const uses = new Map<string, number>();
  for (const names of all) for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return [...uses].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** Renames messages so that their names have these letters besides. */
async function addLetters(directory: string, bits: ReadonlyMap<string, number>): Promise<void> {
  for (const part of ['new', 'cur'] as const) {
    for (const name of await messageNames(directory, part)) {
      const added = bits.get(parseMaildirName(name).base) ?? 0;
      if (added === 0) continue;
      const letters = flagsOf(name);
      const named = withFlags(name, changedLetters(letters, bitsOfLetters(letters) | added));
      if (named === name && part === 'cur') continue;
      try {
        fs.renameSync(bytesPath(`${directory}/${part}/${name}`), bytesPath(`${directory}/cur/${named}`));
      } catch (error) {
        // It went away meanwhile.
        if (!isMissing(error)) throw fileTrouble(error);
      }
    }
  }
}
