// COPY, MOVE and their UID forms (RFC 9051 6.4.7, 6.4.8; RFC 4315 COPYUID).
//
//   UID COPY 4,2,1:2 Work       a1 OK [COPYUID 1795534658 1:2,4 6:8] Copy completed.
//   MOVE 2 Work                 * OK [COPYUID 1795534658 2 1] Moved UIDs.
//                               * 2 EXPUNGE
//                               a2 OK Move completed.

import { formatNumbers } from '../../../protocols/imap/sequence-set.js';
import type { CopiedMessages } from '../../../stores/mailboxes/mailbox-types.js';
import { argumentsOf, type Completion, type ImapCommand, ImapProblem, ok, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { afterExpunge } from './expunge.js';
import { readMessageSet, sequencesOf } from './message-set.js';

export const copy: ImapCommand = {
  state: 'selected',
  namesNumbers: true,
  run: (session, command) => runCopy(session, command, false),
};
export const uidCopy: ImapCommand = { state: 'selected', run: (session, command) => runCopy(session, command, true) };
export const move: ImapCommand = {
  state: 'selected',
  namesNumbers: true,
  run: (session, command) => runMove(session, command, false),
};
export const uidMove: ImapCommand = { state: 'selected', run: (session, command) => runMove(session, command, true) };

interface Asked {
  readonly sequences: readonly number[];
  readonly target: string;
}

async function runCopy(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const { sequences, target } = await readArguments(session, command, isUid);
  if (sequences.length === 0) return ok('No messages found.');
  // A UID that is gone is no fault of the client; a number is, and then nothing may be copied (RFC 9051 6.4.7).
  const whenGone = isUid ? 'skip' : 'refuse';
  const copied = await session.selected.view.copyTo(session.account, target, sequences, whenGone);
  return ok('Copy completed.', copyUid(copied));
}

async function runMove(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const { sequences, target } = await readArguments(session, command, isUid);
  const { selected, output } = session;
  if (selected.view.isReadOnly) throw new ImapProblem('NO', 'Mailbox is read-only.', 'NOPERM');
  if (sequences.length === 0) return ok('No messages found.');
  const moved = await selected.view.moveTo(session.account, target, sequences);
  const code = copyUid(moved);
  // Before the client is told that they are gone.
  if (code !== undefined) output.untagged(`OK [${code}] Moved UIDs.`);
  return afterExpunge(session, 'Move completed.', isUid, moved.sources.length > 0);
}

async function readArguments(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Asked> {
  const decoder = argumentsOf(command);
  const set = readMessageSet(decoder);
  decoder.sp();
  const name = decoder.astring();
  decoder.end();
  const sequences = sequencesOf(session.selected, set, isUid);
  const target = session.names.fromClient(name);
  if (!(await session.account.has(target)))
    throw new ImapProblem('NO', `Mailbox doesn't exist: ${session.names.shown(target)}.`, 'TRYCREATE');
  return { sequences, target };
}

function copyUid({ uidValidity, sources, targets }: CopiedMessages): string | undefined {
  if (sources.length === 0) return undefined;
  return `COPYUID ${uidValidity} ${formatNumbers(sources)} ${formatNumbers(targets)}`;
}
