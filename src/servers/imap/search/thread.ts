// THREAD and UID THREAD (RFC 5256 3).
//
//   THREAD REFERENCES UTF-8 SINCE 1-Nov-2026       * THREAD (2)(3 6 (4 23)(44 7 96))

import { SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { parseSearchKeys } from '../../../protocols/imap/search-keys.js';
import {
  formatThreads,
  type ThreadMessage,
  type ThreadNode,
  threadByOrderedSubject,
  threadByReferences,
  threadByRefs,
} from '../../../protocols/imap/threads.js';
import { messageIdsOf } from '../../../protocols/mime/message-ids.js';
import { argumentsOf, type Completion, type ImapCommand, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { textReader } from './search-arguments.js';
import { completed, forEachMessage, searchMessages } from './search-run.js';
import type { SearchedMessage } from './searched-message.js';
import { sentAt, subjectOf } from './sort-keys.js';

export const thread: ImapCommand = {
  state: 'selected',
  keepsNumbers: true,
  namesNumbers: true,
  run: (session, command) => run(session, command, false),
};

export const uidThread: ImapCommand = { state: 'selected', run: (session, command) => run(session, command, true) };

const algorithms: Readonly<Record<string, (messages: readonly ThreadMessage[]) => ThreadNode[]>> = {
  ORDEREDSUBJECT: threadByOrderedSubject,
  REFERENCES: threadByReferences,
  REFS: threadByRefs,
};

async function run(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const decoder = argumentsOf(command);
  const algorithm = algorithms[decoder.word()];
  if (algorithm === undefined) throw new SyntaxProblem('Unknown thread algorithm');
  decoder.sp();
  const charset = decoder.astring();
  decoder.sp();
  const key = parseSearchKeys(decoder);
  decoder.end();
  const found = await searchMessages(session, key, textReader(charset, session.services.reading.charsets));
  const messages: ThreadMessage[] = [];
  const missed = await forEachMessage(
    session,
    found.sequences,
    async (message) => void messages.push(await threadMessage(message, isUid)),
  );
  const threads = formatThreads(algorithm(messages));
  session.output.untagged(threads === '' ? 'THREAD' : `THREAD ${threads}`);
  return completed('Thread', found.missed, missed);
}

async function threadMessage(message: SearchedMessage, isUid: boolean): Promise<ThreadMessage> {
  const ids = async (name: string): Promise<string[]> => messageIdsOf((await message.field(name)).at(-1) ?? '');
  const references = await ids('references');
  return {
    number: isUid ? message.uid : message.sequence,
    sentAt: await sentAt(message),
    subject: await subjectOf(message),
    messageId: (await ids('message-id'))[0],
    references: references.length > 0 ? references : (await ids('in-reply-to')).slice(0, 1),
  };
}
