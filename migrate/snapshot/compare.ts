// What differs between two snapshots, as a client would notice it. New mail, new folders and new accounts are no difference, nor is a message that has been given its first UID or unique id.

import fs from 'node:fs';
import { ConfigurationError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { type FolderBlock, parseLine, type SeenMessage, type SnapshotHead } from './format.js';
import { keyOf, linesOf } from './take.js';

export interface Difference {
  readonly account: string;
  readonly folder: string | undefined;
  /** What it was, what it is, and what follows. */
  readonly text: string;
}

export interface Comparison {
  readonly folders: number;
  readonly messages: number;
  readonly newMessages: number;
}

/**
 * Tells each difference. Memory grows with the largest folder and the number of folders.
 * @throws ConfigurationError for a file that is no snapshot, or not whole
 */
export async function compareSnapshots(
  before: string,
  after: string,
  tell: (difference: Difference) => void,
): Promise<Comparison> {
  const index = await indexOf(after);
  const counts = { folders: 0, messages: 0, newMessages: 0 };
  const fd = fs.openSync(bytesPath(after), 'r');
  try {
    for await (const old of foldersOf(before)) {
      if ('trouble' in old) continue;
      counts.folders++;
      counts.messages += old.messages.length;
      const places = index.folders.get(keyOf(old.account, old.folder));
      const trouble = index.troubles.get(old.account);
      if (places !== undefined) counts.newMessages += compareFolder(old, folderAt(fd, places), tell);
      else if (trouble !== undefined)
        tell({ account: old.account, folder: old.folder, text: `cannot be looked at any more: ${trouble}` });
      else if (old.messages.length > 0 || old.folder !== 'INBOX')
        tell({ account: old.account, folder: old.folder, text: `is gone, with ${old.messages.length} messages` });
    }
  } finally {
    fs.closeSync(fd);
  }
  return counts;
}

type Folder = Omit<FolderBlock, 'more'>;

function compareFolder(old: Folder, now: Folder, tell: (difference: Difference) => void): number {
  const say = (text: string): void => tell({ account: old.account, folder: old.folder, text });
  const sameNumbers = old.uidValidity === null || old.uidValidity === now.uidValidity;
  if (!sameNumbers)
    say(`UIDVALIDITY ${old.uidValidity} -> ${now.uidValidity ?? 'none'}: IMAP clients download everything again`);
  const byUid = new Map(
    now.messages.flatMap((message) => (message[0] === null ? [] : [[message[0], message] as const])),
  );
  const byBase = new Map(now.messages.map((message) => [message[1], message]));
  let found = 0;
  for (const message of old.messages) {
    const [uid, base] = message;
    const name = uid === null ? base : `UID ${uid}`;
    const same = (sameNumbers && uid !== null ? byUid.get(uid) : undefined) ?? byBase.get(base);
    if (same === undefined) say(`${name}: is gone (deleted or moved by its user, or lost)`);
    else {
      found++;
      compareMessage(name, message, same, sameNumbers, say);
    }
  }
  return now.messages.length - found;
}

function compareMessage(
  name: string,
  old: SeenMessage,
  now: SeenMessage,
  sameNumbers: boolean,
  say: (text: string) => void,
): void {
  const [uid, , flags, date, size, hash, uidl] = old;
  const [uidNow, , flagsNow, dateNow, sizeNow, hashNow, uidlNow] = now;
  if (sameNumbers && uid !== null && uid !== uidNow)
    say(`${name}: UID ${uid} -> ${uidNow ?? 'none'}: IMAP clients download it again`);
  if (hash !== null && hashNow !== null && hash !== hashNow)
    say(`${name}: its text is another one (${hash} -> ${hashNow})`);
  else if (size !== null && sizeNow !== null && size !== sizeNow) say(`${name}: size ${size} -> ${sizeNow}`);
  if (flags !== flagsNow) say(`${name}: flags ${flags || 'none'} -> ${flagsNow || 'none'} (by its user, or lost)`);
  if (date !== dateNow) say(`${name}: INTERNALDATE ${date} -> ${dateNow}: the file was copied without its time`);
  if (uidl !== null && uidl !== uidlNow)
    say(`${name}: unique id ${uidl} -> ${uidlNow ?? 'none'}: POP3 clients download it again`);
}

interface Place {
  readonly offset: number;
  readonly bytes: number;
}

interface Index {
  readonly folders: ReadonlyMap<string, readonly Place[]>;
  readonly troubles: ReadonlyMap<string, string>;
}

async function indexOf(file: string): Promise<Index> {
  const folders = new Map<string, Place[]>();
  const troubles = new Map<string, string>();
  let offset = 0;
  for await (const { line, bytes } of wholeLines(file)) {
    if ('messages' in line) {
      const key = keyOf(line.account, line.folder);
      const places = folders.get(key);
      if (places === undefined) folders.set(key, [{ offset, bytes }]);
      else places.push({ offset, bytes });
    } else if ('trouble' in line) troubles.set(line.account, line.trouble);
    offset += bytes;
  }
  return { folders, troubles };
}

function folderAt(fd: number, places: readonly Place[]): Folder {
  const blocks = places.map(({ offset, bytes }) => {
    const buffer = Buffer.alloc(bytes);
    fs.readSync(fd, buffer, 0, bytes, offset);
    return parseLine(buffer.toString('latin1')) as FolderBlock;
  });
  const [first] = blocks;
  if (first === undefined) throw new Error('a folder without blocks');
  return { ...first, messages: blocks.flatMap(({ messages }) => messages) };
}

async function* foldersOf(file: string): AsyncGenerator<Folder | { account: string; trouble: string }> {
  let pending: SeenMessage[] = [];
  for await (const { line } of wholeLines(file)) {
    if ('trouble' in line) yield line;
    if (!('messages' in line)) continue;
    pending.push(...line.messages);
    if (line.more) continue;
    yield { ...line, messages: pending };
    pending = [];
  }
}

/** The lines of a whole snapshot. @throws ConfigurationError */
async function* wholeLines(
  file: string,
): AsyncGenerator<{ line: NonNullable<ReturnType<typeof parseLine>>; bytes: number }> {
  let [number, isWhole] = [0, false];
  for await (const { text, bytes } of linesOf(file)) {
    const line = parseLine(text);
    number++;
    if (line === undefined || (number === 1) !== 'snapshot' in line)
      throw new ConfigurationError(file, number, 'is no line of a snapshot');
    isWhole = 'end' in line;
    yield { line, bytes };
  }
  if (!isWhole)
    throw new ConfigurationError(
      file,
      undefined,
      'is not whole: take the snapshot again with the same command, which goes on where it ended',
    );
}

/** The first line of a whole snapshot. @throws ConfigurationError */
export async function headOf(file: string): Promise<SnapshotHead> {
  let head: SnapshotHead | undefined;
  for await (const { line } of wholeLines(file)) if ('snapshot' in line) head = line;
  if (head === undefined) throw new ConfigurationError(file, 1, 'is no snapshot');
  return head;
}
