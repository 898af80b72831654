// qmail's control directory before and now, one event for a file.
//
//   control rcpthosts changed: +new.example -old.example       files of lists, maps and single lines (formats/controls/control-file.ts)
//   control servercert.pem changed                             others: the event names the file, never what is in it
//
// control/morercpthosts means nothing until qmail-newmrh has made morercpthosts.cdb of it, so the cdb's keys are what is compared, under the name morercpthosts.
// Of smtproutes only what stands before the first blank or `|` is shown: behind it are passwords, in our own form and in those of patched qmails.
//
// No control files are: lock and temporary files of the tools (rcpthosts.lock, rcpthosts.1234, morercpthosts.tmp), names that begin with a dot, editors' copies.

import { parseList } from '../../formats/controls/control-file.js';
import { bufferSource, cdbRecords } from '../../formats/databases/cdb.js';
import type { ChangeEvent } from '../events.js';
import { entryChanges } from './entries.js';
import { hashBytes, multipliers } from './fingerprint.js';

/** What is kept of a control file. */
export interface ControlContent {
  /** Those that are shown. */
  readonly entries: readonly string[] | undefined;
  /** Differs when something that is not shown does. */
  readonly mark?: number;
}

const morercpthosts = 'morercpthosts';
const morercpthostsCdb = 'morercpthosts.cdb';

/** Files of qmail-control(9) and of well-known patches whose lines are shown. */
const shownFiles: ReadonlySet<string> = new Set(
  (
    'badmailfrom badmailto badrcptto bouncefrom bouncehost concurrencyincoming concurrencylocal concurrencyremote databytes defaultdelivery defaultdomain defaulthost ' +
    'doublebouncehost doublebounceto envnoathost helohost idhost localiphost locals me percenthack plusdomain qmqpservers queuelifetime rcpthosts ' +
    'smtpgreeting smtproutes timeoutconnect timeoutremote timeoutsmtpd virtualdomains'
  ).split(' '),
);

/** Whether a name in control/ is that of a control file. */
export function isControlFile(name: string): boolean {
  return name !== morercpthosts && !/^[.#]|\.lock$|\.tmp$|\.\d+$|~$/.test(name);
}

/** Whether the entries of a control file are shown; other files are told apart by size and time alone. */
export function isShown(name: string): boolean {
  return shownFiles.has(name) || name === morercpthostsCdb;
}

/** What is kept of a control file whose entries are shown. @throws CorruptFileError for a morercpthosts.cdb that is none */
export function controlContent(name: string, bytes: Buffer, path: string): ControlContent {
  if (name === morercpthostsCdb)
    return { entries: [...cdbRecords(bufferSource(bytes), path)].map(({ key }) => key.toString('latin1')) };
  const entries = parseList(bytes);
  if (name !== 'smtproutes') return { entries };
  const mark = hashBytes(bytes, 0, bytes.length, multipliers[0]);
  return { entries: entries.map((entry) => entry.split(/[ \t|]/)[0] ?? ''), mark };
}

/** The event of one control file; undefined when it says the same. An absent file is undefined. */
export function controlEvent(
  name: string,
  before: ControlContent | undefined,
  after: ControlContent | undefined,
): ChangeEvent | undefined {
  const happened = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  const changes = entryChanges(before?.entries ?? [], after?.entries ?? []);
  const isSame = happened === 'changed' && changes === undefined && before?.mark === after?.mark;
  if (isSame || (before === undefined && after === undefined)) return undefined;
  const shown = name === morercpthostsCdb ? morercpthosts : name;
  return { event: 'control changed', name: shown, happened, ...(changes ?? { added: [], removed: [] }) };
}
