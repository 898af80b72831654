// SORT and UID SORT (RFC 5256; RFC 5267 ESORT).
//
//   UID SORT RETURN (ALL COUNT) (REVERSE DATE) UTF-8 UNSEEN

import { parseSearchKeys, usesModSequences } from '../../../protocols/imap/search-keys.js';
import { argumentsOf, type Completion, type ImapCommand, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { useModSequences } from '../messages/mod-sequences.js';
import { tellExtendedResult, tellPlainResult } from './search-answer.js';
import { readReturnOptions, textReader } from './search-arguments.js';
import { completed, forEachMessage, searchMessages } from './search-run.js';
import { readSortKeys, type Sortable, sortableOf, sortMessages } from './sort-keys.js';
import { whenRead } from './when-read.js';

export const sort: ImapCommand = {
  state: 'selected',
  keepsNumbers: true,
  namesNumbers: true,
  run: (session, command) => run(session, command, false),
};

export const uidSort: ImapCommand = { state: 'selected', run: (session, command) => run(session, command, true) };

async function run(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const decoder = argumentsOf(command);
  const options = decoder.takeWord('RETURN') ? readReturnOptions(decoder) : undefined;
  const keys = readSortKeys(decoder);
  decoder.sp();
  const charset = decoder.astring();
  decoder.sp();
  const searched = parseSearchKeys(decoder);
  decoder.end();
  const decode = textReader(charset, session.services.reading.charsets);
  const tellsModSeq = usesModSequences(searched);
  if (tellsModSeq) useModSequences(session);
  const found = await searchMessages(session, searched, decode);
  const sortables: Sortable[] = [];
  const missed = await forEachMessage(session, found.sequences, (message) =>
    whenRead(sortableOf(message, keys), (sortable) => void sortables.push(sortable)),
  );
  sortMessages(sortables, keys);
  const result = { tag: command.tag, isUid, sequences: sortables.map(({ sequence }) => sequence), tellsModSeq };
  if (options === undefined) await tellPlainResult(session, 'SORT', result);
  else tellExtendedResult(session, options, result);
  return completed('Sort', found.missed, missed);
}
