// The unique ids that POP3 clients know messages by. A client that meets other ids downloads everything again, so they go on as the former server made them:
//
//   qmail            the file name up to its first colon (qmail-pop3d; also Dovecot's %f)
//   dovecot          UID and UIDVALIDITY of dovecot-uidlist in hexadecimal, %08Xu%08Xv, Dovecot's default
//   dovecot:FORMAT   another pop3_uidl_format: %u %v (also as %08Xu), %f file name, %g GUID, %Mf MD5 of the file name
//   courier          UID<number>-<time> of courierpop3dsizelist
//
// A record's own id in dovecot-uidlist (P) stands above the format. Messages that the former server has not seen are entered as it would enter them, so that it
// and we agree from then on. A message that cannot be entered yet (somebody holds the lock) has no id, and is not shown in this session: with an id
// that is another one tomorrow it would be downloaded twice. A broken list is a temporary failure for the same reason.

import { createHash } from 'node:crypto';
import { readIfPresent } from '../../files/read.js';
import { extensionOf, parseUidList, type UidRecord } from '../../formats/mailbox/dovecot-uidlist.js';
import { courierUidl, parseSizeList } from '../../formats/maildir/courier-size-list.js';
import { parseMaildirName } from '../../formats/maildir/maildir-name.js';
import { mailboxFiles } from '../../layout.js';
import { courierEntriesOf } from './courier-numbers.js';
import { uidsOf } from './dovecot-uids.js';
import type { MessageFile } from './message-list.js';

export type UidlForm = 'qmail' | 'dovecot' | 'courier' | `dovecot:${string}`;

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const dovecotDefault = '%08Xu%08Xv';
const variables = /%(0?)([0-9]*)([XM]?)([uvfg%])/g;

/** Whether a text is a form that can be served. */
export function isUidlForm(text: string): text is UidlForm {
  if (['qmail', 'dovecot', 'courier'].includes(text)) return true;
  if (!text.startsWith('dovecot:') || text === 'dovecot:') return false;
  return !text.slice('dovecot:'.length).replace(variables, '').includes('%');
}

/**
 * The ids of messages, in the same order; undefined for one that has none yet.
 * @param maildir disk path
 * @param sizeOf the octets of a message as it is sent, asked only for what Courier's list is to have; undefined: it is gone
 * @throws CorruptFileError, TemporaryError or the system error when the former server's list cannot be used
 */
export async function uidlsOf(
  form: UidlForm,
  maildir: string,
  files: readonly MessageFile[],
  owner: Owner,
  sizeOf: (file: MessageFile) => Promise<number | undefined>,
): Promise<(string | undefined)[]> {
  if (form === 'qmail') return files.map(({ base }) => base);
  if (form === 'courier') {
    const entries = await courierEntriesOf(maildir, files, owner, sizeOf);
    return files.map(({ base }) => {
      const entry = entries.get(base);
      return entry && courierUidl(entry, base);
    });
  }
  const format = dovecotFormat(form);
  const bases = files.map(({ base }) => base);
  const known = await uidsOf(maildir, bases, owner);
  return bases.map((base) => {
    const record = known?.recordOf(base);
    return known && record && dovecotUidl(format, record, known.uidValidity);
  });
}

/**
 * The ids that messages have already, in the same order; undefined for one that was given none yet. Nothing is written.
 * @param maildir disk path
 * @throws CorruptFileError or TemporaryError when the former server's list cannot be used
 */
export function knownUidls(form: UidlForm, maildir: string, bases: readonly string[]): (string | undefined)[] {
  if (form === 'qmail') return [...bases];
  if (form === 'courier') {
    const path = mailboxFiles.courierSizeList(maildir);
    const bytes = readIfPresent(path);
    const entries = bytes === undefined ? [] : parseSizeList(bytes, path).entries;
    const byBase = new Map(entries.map((entry) => [parseMaildirName(entry.name).base, entry]));
    return bases.map((base) => {
      const entry = byBase.get(base);
      return entry && courierUidl(entry, base);
    });
  }
  const path = mailboxFiles.uidList(maildir);
  const bytes = readIfPresent(path);
  if (bytes === undefined) return bases.map(() => undefined);
  const { records, uidValidity } = parseUidList(bytes, path);
  const byBase = new Map(records.map((record) => [record.base, record]));
  return bases.map((base) => {
    const record = byBase.get(base);
    return record && dovecotUidl(dovecotFormat(form), record, uidValidity);
  });
}

function dovecotFormat(form: 'dovecot' | `dovecot:${string}`): string {
  return form === 'dovecot' ? dovecotDefault : form.slice('dovecot:'.length);
}

function dovecotUidl(format: string, record: UidRecord, uidValidity: number): string {
  const own = extensionOf(record, 'P');
  if (own !== undefined) return own || record.base;
  const values: Readonly<Record<string, string | number>> = {
    u: record.uid,
    v: uidValidity,
    f: record.base,
    g: extensionOf(record, 'G') ?? record.base,
    '%': '%',
  };
  return format.replace(variables, (_, zero: string, width: string, modifier: string, name: string) => {
    const value = values[name] ?? '';
    const text = modifier === 'X' ? Number(value).toString(16) : String(value);
    const shown = modifier === 'M' ? createHash('md5').update(text, 'latin1').digest('hex') : text;
    return width === '' ? shown : shown.padStart(Number(width), zero === '' ? ' ' : '0');
  });
}
