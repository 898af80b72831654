// STORE and UID STORE (RFC 9051 6.4.6; RFC 7162 UNCHANGEDSINCE).
//
//   STORE 2:4 +FLAGS.SILENT (\Deleted $Junk)
//   UID STORE 7 (UNCHANGEDSINCE 320162338) FLAGS ()
//
// The FETCH responses are those of the session's own telling: only messages that have other flags now are told of, silent ones by their mod-sequence alone.

import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { formatNumbers, type SequenceSet } from '../../../protocols/imap/sequence-set.js';
import type { FlagChange } from '../../../stores/mailboxes/mailbox-types.js';
import { argumentsOf, type Completion, type ImapCommand, ok, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { readMessageSet, sequencesOf } from './message-set.js';
import { modSequenceNumber, useModSequences } from './mod-sequences.js';
import { namedFlags } from './named-flags.js';

export const store: ImapCommand = {
  state: 'selected',
  keepsNumbers: true,
  namesNumbers: true,
  mayLookLater: true,
  run: (session, command) => run(session, command, false),
};

export const uidStore: ImapCommand = {
  state: 'selected',
  mayLookLater: true,
  run: (session, command) => run(session, command, true),
};

const modes = { '+': 'add', '-': 'remove', '': 'replace' } as const;

interface Asked {
  readonly set: SequenceSet;
  readonly change: FlagChange;
  readonly isSilent: boolean;
  readonly unchangedSince: number | undefined;
}

async function run(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const { set, change, isSilent, unchangedSince } = readArguments(argumentsOf(command));
  const { selected } = session;
  const { view } = selected;
  const sequences = sequencesOf(selected, set, isUid);
  if (view.isReadOnly) return ok('Store ignored with read-only mailbox.');
  if (unchangedSince !== undefined) useModSequences(session);
  const { modified, missing } = await view.store(sequences, change, { isSilent, unchangedSince });
  if (modified.length > 0) {
    const numbers = isUid ? modified : modified.map((uid) => view.sequenceOf(uid));
    return ok('Conditional store failed.', `MODIFIED ${formatNumbers(numbers)}`);
  }
  // RFC 2180 4.2: messages that another session has expunged. As Dovecot it is OK for the others, which have the flags.
  if (missing.length === 0 || isUid) return ok('Store completed.');
  return ok('Some messages were already expunged.', 'EXPUNGEISSUED');
}

function readArguments(decoder: Decoder): Asked {
  const set = readMessageSet(decoder);
  decoder.sp();
  const unchangedSince = decoder.peek() === '(' ? readModifier(decoder) : undefined;
  const sign = decoder.take('+') ? '+' : decoder.take('-') ? '-' : '';
  const word = decoder.word();
  if (word !== 'FLAGS' && word !== 'FLAGS.SILENT') throw new SyntaxProblem('Invalid arguments');
  decoder.sp();
  const names = readFlags(decoder);
  decoder.end();
  return {
    set,
    change: { mode: modes[sign], ...namedFlags(names) },
    isSilent: word === 'FLAGS.SILENT',
    unchangedSince,
  };
}

function readModifier(decoder: Decoder): number | undefined {
  let unchangedSince: number | undefined;
  decoder.list(() => {
    if (decoder.word() !== 'UNCHANGEDSINCE') throw new SyntaxProblem('Unknown STORE modifier');
    decoder.sp();
    unchangedSince = modSequenceNumber(decoder.number64());
  });
  decoder.sp();
  return unchangedSince;
}

/** In parentheses or without. */
function readFlags(decoder: Decoder): string[] {
  if (decoder.peek() === '(') return decoder.list(() => decoder.flag());
  const names = [decoder.flag()];
  while (decoder.maybeSp()) names.push(decoder.flag());
  return names;
}
