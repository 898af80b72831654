// What a session tells of changes in its mailbox without being asked (RFC 9051 7.3, 7.4, 7.5; RFC 7162 3.2.10).
//
//   * FLAGS (\Answered ... $New)                                   a new keyword, before it is used
//   * OK [PERMANENTFLAGS (... \*)] Flags permitted.
//   * 3 EXPUNGE                       or, with QRESYNC or UIDONLY   * VANISHED 7:9
//   * 24 EXISTS
//   * 1 RECENT                        not with IMAP4rev2
//   * 2 FETCH (UID 5 MODSEQ (17) FLAGS (\Seen))

import { formatNumbers } from '../../protocols/imap/sequence-set.js';
import type { ViewChanges } from '../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../stores/mailboxes/mailbox-view.js';
import type { Extension, Selected } from './command.js';
import type { ImapOutput } from './output.js';

const systemFlags = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'];

/** The lines FLAGS and PERMANENTFLAGS, without `* `. */
export function flagsLines(view: MailboxView): [string, string] {
  const keywords = view.keywords.filter((name) => name !== undefined);
  const flags = [...systemFlags, ...keywords].join(' ');
  const permanent = view.isReadOnly
    ? 'OK [PERMANENTFLAGS ()] Read-only mailbox.'
    : `OK [PERMANENTFLAGS (${flags} \\*)] Flags permitted.`;
  return [`FLAGS (${flags})`, permanent];
}

export function tellFlags(output: ImapOutput, view: MailboxView): void {
  for (const line of flagsLines(view)) output.untagged(line);
}

export interface ChangesManner {
  readonly mayExpunge: boolean;
  readonly withUid: boolean;
  readonly enabled: ReadonlySet<Extension>;
}

/** Brings the client up to date. @throws MailboxRefusal LOST */
export async function tellViewChanges(output: ImapOutput, selected: Selected, manner: ChangesManner): Promise<void> {
  const { view } = selected;
  if (!view.hasChanges) return;
  const { enabled } = manner;
  const changes = view.takeChanges({ mayExpunge: manner.mayExpunge });
  if (changes.hasNewKeywords) tellFlags(output, view);
  tellExpunged(output, changes, enabled);
  if (changes.exists !== undefined) output.untagged(`${changes.exists} EXISTS`);
  if (changes.recent !== undefined && !enabled.has('IMAP4rev2')) output.untagged(`${changes.recent} RECENT`);
  const withModSeq = enabled.has('CONDSTORE');
  for (const { sequence, uid, isSilent } of changes.flags) {
    if (isSilent && !withModSeq) continue;
    const list = selected.flagLists.of(sequence);
    if (list === undefined) continue;
    // One that came while the client was waited for.
    if (view.takeNewKeywords()) tellFlags(output, view);
    const items: string[] = [];
    if ((manner.withUid || enabled.has('QRESYNC')) && !enabled.has('UIDONLY')) items.push(`UID ${uid}`);
    if (withModSeq) items.push(`MODSEQ (${view.modSeqAt(sequence)})`);
    if (!isSilent) items.push(`FLAGS ${list.toString('latin1')}`);
    const what = enabled.has('UIDONLY') ? `${uid} UIDFETCH` : `${sequence} FETCH`;
    output.untagged(`${what} (${items.join(' ')})`);
    const pause = output.breathe();
    if (pause !== undefined) await pause;
  }
}

function tellExpunged(output: ImapOutput, { expunged }: ViewChanges, enabled: ReadonlySet<Extension>): void {
  if (expunged.length === 0) return;
  if (enabled.has('QRESYNC') || enabled.has('UIDONLY')) {
    const uids = expunged.map(({ uid }) => uid).reverse();
    output.untagged(`VANISHED ${formatNumbers(uids)}`);
  } else for (const { sequence } of expunged) output.untagged(`${sequence} EXPUNGE`);
}
