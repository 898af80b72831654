// The UIDs of a Maildir's messages in dovecot-uidlist, and how new messages get theirs, as Dovecot itself would give them (formats/dovecot.md 3.2; form:
// formats/mailbox/dovecot-uidlist.ts).
//
//   the list                       for messages without a record
//   sound, version 3               lines are appended, with one write
//   version 1, or a bad line       the whole list is written anew as version 3; what stood behind a bad line gets new UIDs, above all that the file names
//   absent                         a new list, with a UIDVALIDITY of its own; where Dovecot's index is there, it knows the old one: a temporary failure
//
// All of it under dovecot-uidlist.lock; reading takes none. New messages are ordered as Dovecot orders them: by the seconds at the start of the name, then the
// microseconds behind M, then by bytes. When the lock stays taken the new messages have no UID yet.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { TemporaryError } from '../../errors.js';
import { takeDotLock } from '../../files/locks/dot-lock.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import {
  nextUid,
  parseUidList,
  serializeUidList,
  type UidList,
  type UidRecord,
  uidRecordLine,
} from '../../formats/mailbox/dovecot-uidlist.js';
import { inOrderOfArrival } from '../../formats/maildir/maildir-name.js';
import { takeUidValidity } from './uid-validity.js';

export interface KnownUids {
  readonly uidValidity: number;
  readonly byBase: ReadonlyMap<string, UidRecord>;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const lockPatienceMs = 5_000;
const fileMode = 0o600;

/**
 * The records of messages; those that have none are given one.
 * @param bases of all messages that are to have a UID
 * @returns fewer than asked for when somebody holds the lock; undefined when there is no list and none could be made
 * @throws CorruptFileError, TemporaryError or the system error when the list cannot be used
 */
export async function uidsOf(maildir: string, bases: readonly string[], owner: Owner): Promise<KnownUids | undefined> {
  const path = `${maildir}/dovecot-uidlist`;
  const before = read(path);
  if (before !== undefined && withoutRecord(before.list, bases).length === 0) return known(before.list);
  const lock = await takeDotLock(path, { timeoutMs: lockPatienceMs, mode: fileMode, ...owner });
  if (lock === undefined) return before && known(before.list);
  try {
    return known(await enter(path, maildir, bases, owner));
  } finally {
    lock.release();
  }
}

interface ReadList {
  readonly list: UidList;
  readonly bytes: Buffer;
}

function read(path: string): ReadList | undefined {
  const bytes = readIfPresent(path);
  return bytes === undefined ? undefined : { list: parseUidList(bytes, path), bytes };
}

function known({ uidValidity, records }: UidList): KnownUids {
  return { uidValidity, byBase: new Map(records.map((record) => [record.base, record])) };
}

function withoutRecord(list: UidList, bases: readonly string[]): string[] {
  const recorded = new Set(list.records.map(({ base }) => base));
  return bases.filter((base) => !recorded.has(base));
}

/** Called under the lock. */
async function enter(path: string, maildir: string, bases: readonly string[], owner: Owner): Promise<UidList> {
  const found = read(path);
  const list = found?.list ?? newList(maildir, owner);
  const missing = inOrderOfArrival(withoutRecord(list, bases).map((base) => ({ base })));
  if (missing.length === 0 && found !== undefined) return list;
  const mayAppend = found !== undefined && list.isSound && list.version === 3;
  let uid = mayAppend
    ? nextUid(list)
    : Math.max(nextUid(list), found === undefined ? 1 : highestNumber(found.bytes) + 1);
  const added = missing.map(({ base }) => ({ uid: uid++, extensions: [], base }));
  const whole = { ...list, version: 3 as const, isSound: true, records: [...list.records, ...added] };
  if (mayAppend) append(path, added);
  else
    await replaceFile(path, serializeUidList({ ...whole, headerNextUid: uid, headerFields: withGuid(list) }), {
      mode: fileMode,
      ...owner,
      temporaryName: 'dovecot-uidlist.tmp',
    });
  return whole;
}

function append(path: string, added: readonly UidRecord[]): void {
  const fd = fs.openSync(bytesPath(path), fs.constants.O_WRONLY | fs.constants.O_APPEND);
  try {
    const lines = Buffer.from(added.map(uidRecordLine).join(''), 'latin1');
    // A list that ends in the middle of a line is written anew by whoever meets it next.
    if (fs.writeSync(fd, lines) !== lines.length) throw new Error(`a short write to ${path}`);
    fs.fdatasyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function newList(maildir: string, owner: Owner): UidList {
  for (const name of ['dovecot.index', 'dovecot.index.log']) {
    if (fs.statSync(bytesPath(`${maildir}/${name}`), { throwIfNoEntry: false }) === undefined) continue;
    const cause = new Error(`${maildir}/dovecot-uidlist is missing beside ${name}; let Dovecot open the mailbox once`);
    throw new TemporaryError('4.3.0', 'temporary trouble with this mailbox', cause);
  }
  const uidValidity = takeUidValidity(maildir, owner);
  return { version: 3, uidValidity, headerNextUid: 1, headerFields: [], records: [], isSound: true };
}

function withGuid({ headerFields }: UidList): string[] {
  const hasGuid = headerFields.some((field) => field.startsWith('G'));
  return hasGuid ? [...headerFields] : [`G${randomBytes(16).toString('hex')}`, ...headerFields];
}

/** The highest UID that any line of a list claims, also a line that is not believed. */
function highestNumber(bytes: Buffer): number {
  const numbers = bytes.toString('latin1').match(/^[0-9]{1,9}(?= )/gm) ?? [];
  return numbers.reduce((highest, digits) => Math.max(highest, Number(digits)), 0);
}
