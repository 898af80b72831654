// SEARCH and UID SEARCH (RFC 9051 6.4.4). Answered with SEARCH, or with ESEARCH when RETURN stands there or IMAP4rev2 is enabled.

import { SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { parseSearchKeys, type SearchKey, usesModSequences } from '../../../protocols/imap/search-keys.js';
import { argumentsOf, type Completion, type ImapCommand, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { useModSequences } from '../messages/mod-sequences.js';
import { tellExtendedResult, tellPlainResult } from './search-answer.js';
import { type ReturnOptions, readReturnOptions, textReader } from './search-arguments.js';
import { completed, searchMessages } from './search-run.js';

export const search: ImapCommand = {
  state: 'selected',
  keepsNumbers: true,
  namesNumbers: true,
  run: (session, command) => run(session, command, false),
};

export const uidSearch: ImapCommand = { state: 'selected', run: (session, command) => run(session, command, true) };

interface Asked {
  readonly options: ReturnOptions | undefined;
  readonly charset: string;
  readonly key: SearchKey;
}

const asRevision2: ReturnOptions = { plain: new Set(['ALL']), partial: undefined };

async function run(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const {
    options = session.enabled.has('IMAP4rev2') ? asRevision2 : undefined,
    charset,
    key,
  } = readArguments(session, command);
  const saves = options?.plain.has('SAVE') === true;
  try {
    const decode = textReader(charset, session.services.reading.charsets);
    const tellsModSeq = usesModSequences(key);
    if (tellsModSeq) useModSequences(session);
    const { sequences, missed } = await searchMessages(session, key, decode, mostWanted(options));
    const result = { tag: command.tag, isUid, sequences, tellsModSeq };
    if (options === undefined) await tellPlainResult(session, 'SEARCH', result);
    else tellExtendedResult(session, options, result);
    return completed('Search', missed);
  } catch (error) {
    // RFC 5182 2.1: a search that fails leaves nothing saved.
    if (saves) session.selected.savedUids = [];
    throw error;
  }
}

/** RETURN (MIN) alone needs no more than the first. */
function mostWanted(options: ReturnOptions | undefined): number {
  if (options === undefined || options.partial !== undefined || !options.plain.has('MIN'))
    return Number.POSITIVE_INFINITY;
  return [...options.plain].every((name) => name === 'MIN' || name === 'SAVE') ? 1 : Number.POSITIVE_INFINITY;
}

function readArguments({ enabled }: SelectedSession, command: ClientCommand): Asked {
  const decoder = argumentsOf(command);
  const options = decoder.takeWord('RETURN') ? readReturnOptions(decoder) : undefined;
  let charset = 'UTF-8';
  if (decoder.takeWord('CHARSET')) {
    // RFC 6855 3: everything is UTF-8 then.
    if (enabled.has('UTF8=ACCEPT')) throw new SyntaxProblem('CHARSET cannot be used with UTF8=ACCEPT');
    decoder.sp();
    charset = decoder.astring();
    decoder.sp();
  }
  const key = parseSearchKeys(decoder);
  decoder.end();
  return { options, charset, key };
}
