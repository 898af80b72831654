// One folder as clients see it, read from its files alone. Nothing is written: a message that has no UID or unique id yet is given none.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { bytesPath, isMissing, readIfPresent } from '../../src/files/read.js';
import { parseUidList, type UidRecord } from '../../src/formats/dovecot-uidlist.js';
import { parseDovecotKeywords, unknownKeyword } from '../../src/formats/mailbox/dovecot-keywords.js';
import { bitsOfLetters, keywordBits } from '../../src/formats/mailbox/message-flags.js';
import { flagsOf, parseMaildirName } from '../../src/formats/maildir-name.js';
import { mailboxFiles } from '../../src/layout.js';
import { messageNames } from '../../src/stores/maildir/message-list.js';
import { knownUidls, type UidlForm } from '../../src/stores/maildir/uidl.js';
import type { SeenMessage } from './format.js';

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
  const keywords = parseDovecotKeywords(readIfPresent(mailboxFiles.keywords(directory)) ?? Buffer.alloc(0));
  const bases = [...files.keys()].sort(
    (a, b) => (uids.get(a) ?? Infinity) - (uids.get(b) ?? Infinity) || (a < b ? -1 : Number(a > b)),
  );
  const uidls = options.uidl === undefined ? [] : knownUidls(options.uidl, directory, bases);
  const messages = async function* (): AsyncGenerator<SeenMessage> {
    for (const [index, base] of bases.entries()) {
      const name = files.get(base) ?? '';
      const text = await seeText(directory, name, options.bodies);
      if (text === undefined) continue;
      const flags = name.startsWith('new/') ? '' : flagText(flagsOf(name), keywords);
      yield [uids.get(base) ?? null, base, flags, text.internalDate, text.size, text.hash, uidls[index] ?? null];
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

function uidList(directory: string): { uidValidity: number; records: readonly UidRecord[] } | undefined {
  for (const path of [mailboxFiles.uidList(directory), mailboxFiles.courierUidList(directory)]) {
    const bytes = readIfPresent(path);
    if (bytes !== undefined) return parseUidList(bytes, path);
  }
  return undefined;
}

/** System flags in order, then the keywords by name. */
function flagText(letters: string, names: readonly (string | undefined)[]): string {
  const system = [...new Set(letters)]
    .filter((letter) => /[DFRST]/.test(letter))
    .sort()
    .join('');
  const bits = bitsOfLetters(letters) & keywordBits;
  const keywords: string[] = [];
  for (let number = 0; number < 26; number++)
    if (bits & (1 << number)) keywords.push(names[number] ?? unknownKeyword(number));
  return [system, ...keywords.sort()].join(' ').trimEnd();
}

const pieceBytes = 256 * 1024;

interface SeenText {
  readonly internalDate: number;
  readonly size: number | null;
  readonly hash: string | null;
}

/** undefined when the file is gone. The hash is of the text with LF line ends, so that it is the same over any protocol. */
async function seeText(directory: string, name: string, bodies: boolean): Promise<SeenText | undefined> {
  try {
    const file = await fs.promises.open(bytesPath(`${directory}/${name}`), 'r');
    try {
      const internalDate = Math.floor((await file.stat()).mtimeMs / 1000);
      if (!bodies) return { internalDate, size: null, hash: null };
      const hash = createHash('sha256');
      const piece = Buffer.allocUnsafe(pieceBytes);
      let [size, lines, held] = [0, 0, false];
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, pieceBytes);
        if (bytesRead === 0) break;
        const chunk = held
          ? Buffer.concat([carriageReturn, piece.subarray(0, bytesRead)])
          : piece.subarray(0, bytesRead);
        held = chunk.at(-1) === 0x0d;
        const whole = withoutCarriageReturns(held ? chunk.subarray(0, -1) : chunk);
        for (let at = whole.indexOf(0x0a); at >= 0; at = whole.indexOf(0x0a, at + 1)) lines++;
        size += whole.length;
        hash.update(whole);
      }
      if (held) hash.update(carriageReturn);
      return { internalDate, size: size + lines + (held ? 1 : 0), hash: hash.digest('base64url').slice(0, 22) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const carriageReturn = Buffer.from('\r');

/** The bytes with every CR LF as LF. */
function withoutCarriageReturns(bytes: Buffer): Buffer {
  if (bytes.indexOf('\r\n') < 0) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}
