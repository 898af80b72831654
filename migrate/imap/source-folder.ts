// The messages of a folder of another IMAP server: what there are, and their texts. Many are asked for with one command. Where the server refuses, or ends the session as Dovecot does over a
// message that it cannot read, it is asked for half of them, and so on, so that only that message is left out.

import type { ImapFlow } from 'imapflow';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import type { ListedMessage } from '../copy/ends.js';
import { flagsFrom } from './flags.js';
import type { ImapSession } from './session.js';

/** So many messages are listed, and texts of so many messages or bytes asked for, with one command. */
const listedAtOnce = 2000;
const textsAtOnce = { messages: 50, bytes: 4 * 1024 * 1024 };

export interface ListedFolder {
  readonly path: string;
  readonly uidValidity: string;
  /** By UID. */
  readonly listed: readonly Listed[];
}

interface Listed {
  readonly message: ListedMessage;
  /** The same in all folders; undefined: the server has none. */
  readonly emailId: string | undefined;
}

interface Place {
  readonly path: string;
  readonly uidValidity: string;
}

/** @throws PermanentError when the server refuses, TemporaryError */
export async function listFolder(session: ImapSession, path: string): Promise<ListedFolder> {
  const { uidValidity, uids } = await session.inFolder(path, true, async (client, mailbox) => {
    const uids = new Set<number>();
    if (mailbox.exists > 0) for await (const { uid } of client.fetch('1:*', { uid: true })) uids.add(uid);
    return { uidValidity: String(mailbox.uidValidity), uids: [...uids].sort((a, b) => a - b) };
  });
  const place = { path, uidValidity };
  const listed = new Map<number, Listed>();
  const list = async (client: ImapFlow, uids: readonly number[], withSize: boolean): Promise<void> => {
    const query = { uid: true, flags: true, internalDate: true, size: withSize };
    for await (const { uid, flags, internalDate, size, emailId } of client.fetch(uids.join(','), query, {
      uid: true,
    })) {
      const time = internalDate === undefined ? Number.NaN : new Date(internalDate).getTime();
      const internalDateMs = Number.isNaN(time) ? undefined : time;
      const message = { id: String(uid), ...flagsFrom(flags ?? []), internalDateMs, sizeBytes: size ?? 0 };
      listed.set(uid, { message, emailId });
    }
  };
  for (let at = 0; at < uids.length; at += listedAtOnce)
    await inParts(session, place, uids.slice(at, at + listedAtOnce), {
      ask: (client, some) => list(client, some, true),
      // The size is what is worked out from the text. That this cannot be read is told when it is asked for.
      refused: (uid) => inPlace(session, place, (client) => list(client, [uid], false)),
    });
  return { ...place, listed: uids.flatMap((uid) => listed.get(uid) ?? []) };
}

/** As `texts` of a SourceFolder. @throws TemporaryError */
export async function* textsOf(
  session: ImapSession,
  place: Place,
  wanted: readonly ListedMessage[],
): AsyncGenerator<Buffer | Error | undefined> {
  for (const batch of batches(wanted)) {
    const texts = new Map<string, Buffer | Error>();
    const ids = batch.map(({ id }) => id);
    await inParts(session, place, ids, {
      ask: async (client, some) => {
        for await (const { uid, source } of client.fetch(some.join(','), { uid: true, source: true }, { uid: true }))
          texts.set(String(uid), source ?? new Error('the server gives no text'));
      },
      refused: async (id, error) => void texts.set(id, error),
    });
    for (const id of ids) yield texts.get(id);
  }
}

interface Question<T> {
  readonly ask: (client: ImapFlow, items: readonly T[]) => Promise<void>;
  /** Hears of one that the server refuses when it is asked for it alone. */
  readonly refused: (item: T, error: PermanentError) => Promise<void>;
}

async function inParts<T>(
  session: ImapSession,
  place: Place,
  items: readonly T[],
  question: Question<T>,
): Promise<void> {
  try {
    await inPlace(session, place, (client) => question.ask(client, items));
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    const [first] = items;
    if (items.length === 1 && first !== undefined) return question.refused(first, error);
    const half = Math.ceil(items.length / 2);
    for (const part of [items.slice(0, half), items.slice(half)]) await inParts(session, place, part, question);
  }
}

/** @throws TemporaryError also when UIDs there mean other messages now */
function inPlace(session: ImapSession, place: Place, act: (client: ImapFlow) => Promise<void>): Promise<void> {
  return session.inFolder(place.path, true, async (client, { uidValidity }) => {
    if (String(uidValidity) !== place.uidValidity)
      throw new TemporaryError('4.3.0', `${session.name} ${place.path}: UIDVALIDITY has changed; repeat the command`);
    return act(client);
  });
}

function* batches(messages: readonly ListedMessage[]): Generator<readonly ListedMessage[]> {
  let batch: ListedMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (batch.length > 0 && (batch.length === textsAtOnce.messages || bytes + message.sizeBytes > textsAtOnce.bytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(message);
    bytes += message.sizeBytes;
  }
  if (batch.length > 0) yield batch;
}
