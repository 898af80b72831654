// A folder of a Maildir that another program has left, or still works on, as the source of a copy. Nothing in it is changed. Messages are known by their names up to the colon.

import fs from 'node:fs';
import { bytesPath, isMissing, readIfPresent } from '../../src/files/read.js';
import { parseDovecotKeywords } from '../../src/formats/mailbox/dovecot-keywords.js';
import { parseUidList } from '../../src/formats/mailbox/dovecot-uidlist.js';
import { flagsOf, inOrderOfArrival, parseMaildirName } from '../../src/formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../src/layout.js';
import { readCourierKeywords } from '../../src/stores/mailboxes/takeover/courier-folder.js';
import { messageNames } from '../../src/stores/maildir/message-list.js';
import type { ListedMessage, SourceFolder } from '../copy/ends.js';
import { flagsOfLetters } from '../flag-text.js';

/** @param directory disk path @throws TemporaryError */
export async function openMaildirFolder(directory: string): Promise<SourceFolder> {
  const files = await filesIn(directory);
  const names = parseDovecotKeywords(readIfPresent(mailboxFiles.keywords(directory)) ?? Buffer.alloc(0));
  const courier = await readCourierKeywords(directory);
  const messages: ListedMessage[] = [];
  for (const base of inOrder(directory, [...files.keys()])) {
    const name = files.get(base) ?? '';
    const status = fs.statSync(bytesPath(`${directory}/${name}`), { throwIfNoEntry: false });
    if (!status?.isFile()) continue;
    const { flags, keywords } = flagsOfLetters(name.startsWith('new/') ? '' : flagsOf(name), names);
    const all = [...new Set([...keywords, ...(courier.get(base) ?? [])])];
    messages.push({ id: base, flags, keywords: all, internalDateMs: status.mtimeMs, sizeBytes: status.size });
  }
  return {
    generation: 'maildir',
    messages,
    async *texts(wanted) {
      for (const { id } of wanted) yield await read(directory, id, files);
    },
    close: async () => {},
  };
}

/** The messages by base, each as `cur/NAME` or `new/NAME`. @throws TemporaryError */
async function filesIn(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const part of ['new', 'cur'] as const)
    for (const name of await messageNames(directory, part)) files.set(parseMaildirName(name).base, `${part}/${name}`);
  return files;
}

/** By UID as Dovecot or Courier have given them; those without behind them, as they came. */
function inOrder(directory: string, bases: readonly string[]): string[] {
  const uids = new Map<string, number>();
  for (const path of [mailboxFiles.uidList(directory), mailboxFiles.courierUidList(directory)]) {
    try {
      const bytes = uids.size === 0 ? readIfPresent(path) : undefined;
      for (const { base, uid } of bytes === undefined ? [] : parseUidList(bytes, path).records) uids.set(base, uid);
    } catch {
      // A broken list says nothing about the order; the messages are there all the same.
    }
  }
  const uidOf = (base: string): number => uids.get(base) ?? Number.POSITIVE_INFINITY;
  const messages = inOrderOfArrival(bases.map((base) => ({ base })));
  return messages.map(({ base }) => base).sort((a, b) => (uidOf(a) === uidOf(b) ? 0 : uidOf(a) - uidOf(b)));
}

/** A message whose flags are changed meanwhile has another name. */
async function read(directory: string, base: string, files: Map<string, string>): Promise<Buffer | Error | undefined> {
  for (const isLast of [false, true]) {
    try {
      return fs.readFileSync(bytesPath(`${directory}/${files.get(base)}`));
    } catch (error) {
      if (!isMissing(error)) return error instanceof Error ? error : new Error(String(error));
      if (isLast) return undefined;
      const name = (await filesIn(directory)).get(base);
      if (name === undefined) return undefined;
      files.set(base, name);
    }
  }
  return undefined;
}
