// One folder as clients see it, read from its files alone. Nothing is written: a message that has no UID or unique id yet is given none.

import fs from 'node:fs';
import { bytesPath, isMissing, readIfPresent } from '../../src/files/read.js';
import { parseDovecotKeywords } from '../../src/formats/mailbox/dovecot-keywords.js';
import { parseUidList, type UidRecord } from '../../src/formats/mailbox/dovecot-uidlist.js';
import { flagsOf, parseMaildirName } from '../../src/formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../src/layout.js';
import { messageNames } from '../../src/stores/maildir/message-list.js';
import { knownUidls, type UidlForm } from '../../src/stores/maildir/uidl.js';
import { flagsOfLetters, flagText } from '../flag-text.js';
import { TextHash } from '../text-hash.js';
import type { SeenMessage } from './format.js';
import { courierKeywords, type OtherKeywords, stateKeywords } from './keywords.js';

export interface FolderOptions {
  readonly bodies: boolean;
  /** undefined for a folder that POP3 does not show. */
  readonly uidl: UidlForm | undefined;
}

export interface SeenFolder {
  readonly uidValidity: number | null;
  readonly count: number;
  /** By UID, those without at the end, by name. A message that goes meanwhile is left out. */
  messages(): AsyncGenerator<SeenMessage>;
}

/** @param directory disk path of the folder @throws TemporaryError, CorruptFileError */
export async function seeFolder(directory: string, options: FolderOptions): Promise<SeenFolder> {
  const files = await filesIn(directory);
  const list = uidList(directory);
  const uids = new Map(list?.records.map((record) => [record.base, record.uid]));
  const names = parseDovecotKeywords(readIfPresent(mailboxFiles.keywords(directory)) ?? Buffer.alloc(0));
  const others = await otherKeywords(directory, list);
  const bases = [...files.keys()].sort(
    (a, b) => (uids.get(a) ?? Infinity) - (uids.get(b) ?? Infinity) || (a < b ? -1 : Number(a > b)),
  );
  const uidls = options.uidl === undefined ? [] : knownUidls(options.uidl, directory, bases);
  const messages = async function* (): AsyncGenerator<SeenMessage> {
    for (const [index, base] of bases.entries()) {
      const name = files.get(base) ?? '';
      const text = await seeText(directory, name, options.bodies);
      if (text === undefined) continue;
      const uid = uids.get(base);
      const { flags, keywords } = flagsOfLetters(name.startsWith('new/') ? '' : flagsOf(name), names);
      const shown = flagText({ flags, keywords: [...new Set([...keywords, ...others(base, uid)])] });
      yield [uid ?? null, base, shown, text.internalDate, text.size, text.hash, uidls[index] ?? null];
    }
  };
  return { uidValidity: list?.uidValidity ?? null, count: bases.length, messages };
}

/** The messages by base, each as `cur/NAME` or `new/NAME`. */
async function filesIn(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const part of ['new', 'cur'] as const) {
    if (!fs.existsSync(bytesPath(mailboxFiles.part(directory, part)))) continue;
    for (const name of await messageNames(directory, part)) files.set(parseMaildirName(name).base, `${part}/${name}`);
  }
  return files;
}

interface FoundList {
  readonly uidValidity: number;
  readonly records: readonly UidRecord[];
  readonly isCouriers: boolean;
}

function uidList(directory: string): FoundList | undefined {
  const couriers = mailboxFiles.courierUidList(directory);
  for (const path of [mailboxFiles.uidList(directory), couriers]) {
    const bytes = readIfPresent(path);
    if (bytes !== undefined) return { ...parseUidList(bytes, path), isCouriers: path === couriers };
  }
  return undefined;
}

async function otherKeywords(directory: string, list: FoundList | undefined): Promise<OtherKeywords> {
  if (list === undefined) return () => [];
  return list.isCouriers ? courierKeywords(directory) : stateKeywords(directory, list.uidValidity);
}

const pieceBytes = 256 * 1024;

interface SeenText {
  readonly internalDate: number;
  readonly size: number | null;
  readonly hash: string | null;
}

/** undefined when the file is gone. */
async function seeText(directory: string, name: string, bodies: boolean): Promise<SeenText | undefined> {
  try {
    const file = await fs.promises.open(bytesPath(`${directory}/${name}`), 'r');
    try {
      const internalDate = Math.floor((await file.stat()).mtimeMs / 1000);
      if (!bodies) return { internalDate, size: null, hash: null };
      const hash = new TextHash();
      const piece = Buffer.allocUnsafe(pieceBytes);
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, pieceBytes);
        if (bytesRead === 0) break;
        hash.add(piece.subarray(0, bytesRead));
      }
      return { internalDate, ...hash.end() };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
