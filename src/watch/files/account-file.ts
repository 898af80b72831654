// The accounts of a domain as they are in force: those of vpasswd.cdb, which alone logins and mail go by, or of vpasswd where there is no cdb (stores/accounts/account-index.ts). So a vpasswd that is
// already replaced beside a vpasswd.cdb that is not yet says nothing new, and a look between the two renames of a tool sees a whole old version.
//
//   vpasswd.cdb   vpasswd     accounts
//   there         any         of the cdb
//   absent        there       of the text
//   absent        absent      unknown: what was known stays (a domain that is being removed; no user database is not "no accounts")
//
// A file of 100,000 accounts is read in pieces, with turns for others in between, on one descriptor: a rename over it does not matter. One that is rewritten in place
// meanwhile is read again later. Of a large cdb only the accounts in the part that changed are taken apart (account-chunks.ts).

import fs from 'node:fs';
import { isRacy } from '../../files/identity.js';
import { bytesPath, fileTrouble, openIfPresent, readAt, regularStatus } from '../../files/read.js';
import { CdbCursor, type CdbSource } from '../../formats/databases/cdb.js';
import { domainFiles } from '../../layout.js';
import { AccountTableBuilder } from '../changes/accounts.js';
import type { SharedTexts } from '../changes/fingerprint.js';
import type { CommonRows, Table } from '../changes/table.js';
import type { Turn } from '../pace.js';
import { type AccountChunks, accountChunks, changedPart } from './account-chunks.js';
import { markAt, markOf, unsettled } from './version.js';

/** The accounts of one version. */
export interface AccountVersion {
  readonly accounts: Table;
  readonly mark: number;
  readonly ctimeMs: number;
  /** Of a large cdb whose accounts are in order. */
  readonly chunks?: AccountChunks | undefined;
  /** What the accounts have in common with those of the version before, as far as that is known. */
  readonly common?: CommonRows | undefined;
}

/** A cdb from this size on is divided into chunks. */
const largeBytes = 256 * 1024;
/** A record takes about so many bytes; to make a table of about the right size at once. */
const usualRecordBytes = 150;
const recordsInARow = 128;

/** The mark of the file that the accounts come from; undefined when there is none. @throws TemporaryError */
export function accountsMark(directory: string): number | undefined {
  return markAt(domainFiles.vpasswdCdb(directory)) ?? markAt(domainFiles.vpasswd(directory));
}

/**
 * Reads the accounts of a domain; undefined when it has no user database.
 * @param before what was read last
 * @throws TemporaryError when it cannot be read, CorruptFileError when the cdb is none
 */
export async function readAccounts(
  directory: string,
  before: AccountVersion | undefined,
  texts: SharedTexts,
  turn: Turn,
): Promise<AccountVersion | undefined> {
  const cdb = domainFiles.vpasswdCdb(directory);
  const vpasswd = domainFiles.vpasswd(directory);
  return (await readFile(cdb, readCdb, before, texts, turn)) ?? readFile(vpasswd, readText, before, texts, turn);
}

type Accounts = Pick<AccountVersion, 'accounts' | 'chunks' | 'common'>;

/** Reads the accounts of an open file; where it gives undefined, others may have their turn. */
type Read = (
  source: CdbSource,
  path: string,
  before: AccountVersion | undefined,
  texts: SharedTexts,
) => Generator<undefined, Accounts>;

async function readFile(
  path: string,
  read: Read,
  before: AccountVersion | undefined,
  texts: SharedTexts,
  turn: Turn,
): Promise<AccountVersion | undefined> {
  try {
    const fd = openIfPresent(bytesPath(path));
    if (fd === undefined) return undefined;
    try {
      const readAtMs = Date.now();
      const status = regularStatus(fd, path);
      const source = { size: Number(status.size), read: (at: number, length: number) => readAt(fd, at, length) };
      const steps = read(source, path, before, texts);
      let step = steps.next();
      for (; !step.done; step = steps.next()) await turn();
      const after = fs.fstatSync(fd, { bigint: true });
      // A rename over it moves the change time of this inode only; its bytes are those of before.
      const isWhole = after.mtimeNs === status.mtimeNs && after.size === status.size && !isRacy(status, readAtMs);
      const found = isWhole ? step.value : { ...step.value, chunks: undefined };
      return { ...found, mark: isWhole ? markOf(status) : unsettled, ctimeMs: Number(status.ctimeMs) };
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fileTrouble(error);
  }
}

function* readCdb(
  source: CdbSource,
  path: string,
  before: AccountVersion | undefined,
  texts: SharedTexts,
): Generator<undefined, Accounts> {
  const chunks = source.size < largeBytes ? undefined : yield* accountChunks(source, path);
  if (chunks !== undefined && before?.chunks !== undefined) {
    const part = changedPart(before.chunks, chunks);
    const builder = new AccountTableBuilder(texts, part.after.end - part.after.start);
    yield* addRecords(new CdbCursor(source, path, part.file), builder);
    const rows = builder.isInOrder ? builder.finish() : undefined;
    const accounts = rows && before.accounts.withRows(part.before.start, part.before.end, rows);
    const common = { first: part.before.start, last: before.accounts.size - part.before.end };
    if (accounts !== undefined) return { accounts, chunks, common };
  }
  const builder = new AccountTableBuilder(texts, Math.ceil(source.size / usualRecordBytes));
  yield* addRecords(new CdbCursor(source, path), builder);
  return { accounts: builder.finish(), chunks: builder.isInOrder ? chunks : undefined };
}

function* addRecords(cursor: CdbCursor, builder: AccountTableBuilder): Generator<undefined, void> {
  for (let count = 1; cursor.next(); count++) {
    builder.add(cursor.bytes, cursor.keyStart, cursor.keyEnd, cursor.keyEnd, cursor.dataEnd);
    if (count % recordsInARow === 0) yield;
  }
}

const pieceBytes = 64 * 1024;

/** The accounts of a vpasswd, as vpopmail would put them into the cdb: a last line without its LF is left out. */
function* readText(
  source: CdbSource,
  _path: string,
  _before: AccountVersion | undefined,
  texts: SharedTexts,
): Generator<undefined, Accounts> {
  const builder = new AccountTableBuilder(texts, Math.ceil(source.size / usualRecordBytes));
  let rest: Buffer = Buffer.alloc(0);
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    const bytes = Buffer.concat([rest, source.read(offset, Math.min(pieceBytes, source.size - offset))]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      const colon = bytes.indexOf(0x3a, start);
      if (colon >= 0 && colon < end) builder.add(bytes, start, colon, colon + 1, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    yield;
  }
  return { accounts: builder.finish() };
}
