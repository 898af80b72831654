// EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9). With QRESYNC the answer tells up to which mod-sequence the client knows everything (RFC 7162 3.2.7).

import {
  argumentsOf,
  type Completion,
  type ImapCommand,
  mustHaveNoArguments,
  ok,
  type SelectedSession,
} from '../command.js';
import { readMessageSet, sequencesOf } from './message-set.js';

export const expunge: ImapCommand = {
  state: 'selected',
  run: (session, command) => {
    mustHaveNoArguments(command);
    return run(session, undefined, false);
  },
};

export const uidExpunge: ImapCommand = {
  state: 'selected',
  run: (session, command) => {
    const decoder = argumentsOf(command);
    const set = readMessageSet(decoder);
    decoder.end();
    return run(session, sequencesOf(session.selected, set, true), true);
  },
};

async function run(
  session: SelectedSession,
  sequences: readonly number[] | undefined,
  withUid: boolean,
): Promise<Completion> {
  const { view } = session.selected;
  if (view.isReadOnly) return ok('Expunge completed.');
  const removed = await view.expunge(sequences);
  return afterExpunge(session, 'Expunge completed.', withUid, removed.length > 0);
}

/** The answer of a command that removed messages: they are told of first, since the answer names the mod-sequence behind that. */
export async function afterExpunge(
  session: SelectedSession,
  text: string,
  withUid: boolean,
  hasRemoved: boolean,
): Promise<Completion> {
  if (!hasRemoved || !session.enabled.has('QRESYNC')) return ok(text);
  await session.tellChanges({ mayExpunge: true, withUid, looks: true });
  return ok(text, `HIGHESTMODSEQ ${session.selected.view.highestModSeq}`);
}
