// The unique ids that POP3 clients know messages by. A client that meets other ids downloads everything again, so they go on as the former server made them:
//
//   qmail      the file name up to its first colon (qmail-pop3d; also Dovecot's %f)
//   dovecot    UID and UIDVALIDITY of dovecot-uidlist in hexadecimal, %08Xu%08Xv; a record's own P extension stands above it
//   courier    UID<number>-<time> of courierpop3dsizelist
//
// Messages that the former server has not seen are entered as it would enter them, so that it and we agree from then on: dovecot-uidlist gets a line appended under
// its lock, courierpop3dsizelist is replaced. Where that cannot be done (no list, a broken one, the lock stays taken) such a message goes by its file name
// until it can.

import fs from 'node:fs';
import { takeDotLock } from '../../files/dot-lock.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { courierUidl, parseSizeList, type SizeListEntry, serializeSizeList } from '../../formats/courier-size-list.js';
import { extensionOf, nextUid, parseUidList, type UidList, uidRecordLine } from '../../formats/dovecot-uidlist.js';
import { parseMaildirName } from '../../formats/maildir-name.js';
import type { MessageFile } from './message-list.js';

export type UidlForm = 'qmail' | 'dovecot' | 'courier';

export interface ListedMessage {
  readonly file: MessageFile;
  readonly sizeOctets: number;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The ids of messages, in the same order.
 * @param maildir disk path
 * @throws CorruptFileError or the system error when a list cannot be used; file names do then
 */
export async function uidlsOf(
  form: UidlForm,
  maildir: string,
  messages: readonly ListedMessage[],
  owner: Owner,
): Promise<string[]> {
  if (form === 'dovecot') return dovecotUidls(`${maildir}/dovecot-uidlist`, messages, owner);
  if (form === 'courier') return courierUidls(`${maildir}/courierpop3dsizelist`, messages, owner);
  return messages.map(({ file }) => file.base);
}

async function dovecotUidls(path: string, messages: readonly ListedMessage[], owner: Owner): Promise<string[]> {
  let list = readUidList(path);
  if (list !== undefined && messages.some(({ file }) => !hasRecord(list, file.base))) {
    const lock = await takeDotLock(path, { timeoutMs: 5000, mode: 0o600, ...owner });
    try {
      if (lock !== undefined) list = enterInUidList(path, messages);
    } finally {
      lock?.release();
    }
  }
  const byBase = new Map(list?.records.map((record) => [record.base, record]));
  return messages.map(({ file }) => {
    const record = byBase.get(file.base);
    if (record === undefined || list === undefined) return file.base;
    const own = extensionOf(record, 'P');
    if (own !== undefined) return own === '' ? file.base : own;
    return `${hexadecimal(record.uid)}${hexadecimal(list.uidValidity)}`;
  });
}

function hexadecimal(number: number): string {
  return number.toString(16).padStart(8, '0');
}

function hasRecord(list: UidList | undefined, base: string): boolean {
  return list?.records.some((record) => record.base === base) ?? false;
}

function readUidList(path: string): UidList | undefined {
  const bytes = readIfPresent(path);
  return bytes === undefined ? undefined : parseUidList(bytes, path);
}

/** Appends what is not in the list yet; called under its lock. */
function enterInUidList(path: string, messages: readonly ListedMessage[]): UidList | undefined {
  const list = readUidList(path);
  if (list === undefined || !list.isSound || list.version !== 3) return list;
  const known = new Set(list.records.map((record) => record.base));
  let uid = nextUid(list);
  const added = messages
    .filter(({ file }) => !known.has(file.base))
    .map(({ file }) => ({ uid: uid++, extensions: [], base: file.base }));
  const fd = fs.openSync(bytesPath(path), fs.constants.O_WRONLY | fs.constants.O_APPEND);
  try {
    fs.writeSync(fd, added.map(uidRecordLine).join(''), null, 'latin1');
    fs.fdatasyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  return { ...list, records: [...list.records, ...added] };
}

async function courierUidls(path: string, messages: readonly ListedMessage[], owner: Owner): Promise<string[]> {
  const bytes = readIfPresent(path);
  const list =
    bytes === undefined
      ? { nextNumber: 1, time: Math.floor(Date.now() / 1000), entries: [] }
      : parseSizeList(bytes, path);
  const known = new Map<string, SizeListEntry>(list.entries.map((entry) => [parseMaildirName(entry.name).base, entry]));
  let number = Math.max(1, list.nextNumber);
  const entries = messages.map(({ file, sizeOctets }) => {
    return known.get(file.base) ?? { name: file.name, sizeOctets, number: number++, time: list.time, utf8: '0' };
  });
  if (entries.some((entry) => !list.entries.includes(entry))) {
    const next = { nextNumber: number, time: list.time, entries };
    const temporaryName = `tmp/${Math.floor(Date.now() / 1000)}.${process.pid}_pop3.vqmail`;
    await replaceFile(path, serializeSizeList(next), { mode: 0o600, ...owner, temporaryName });
  }
  return entries.map((entry, index) => courierUidl(entry, messages[index]?.file.base ?? ''));
}
