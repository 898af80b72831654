// Goes through the messages of the selected mailbox with the keys of SEARCH, SORT or THREAD. Others have their turn in between.

import { TemporaryError } from '../../../errors.js';
import { type SearchKey, usesSequenceNumbers } from '../../../protocols/imap/search-keys.js';
import type { ViewCache } from '../../../stores/mailboxes/operations/cache.js';
import { type Completion, ok, type SelectedSession, uidRequired } from '../command.js';
import { ReadingRoom } from '../fetch/message-text.js';
import { sequencesOf } from '../messages/message-set.js';
import { looksInside, matcherOf } from './matchers.js';
import { SearchedMessage, type SearchWorld } from './searched-message.js';
import { type NowOrLater, whenRead } from './when-read.js';

function searchWorld({ selected, services }: SelectedSession, cache: ViewCache | undefined): SearchWorld {
  return { ...services.reading, view: selected.view, memory: selected.largeMessage, room: new ReadingRoom(), cache };
}

/** Messages that match. */
export interface Found {
  /** Ascending. */
  readonly sequences: readonly number[];
  readonly missed: Missed;
}

/** What could not be looked at. */
export interface Missed {
  /** How many, because another session has expunged them. */
  readonly gone: number;
  /** Why one could not be read. The others were. */
  readonly trouble: TemporaryError | undefined;
}

/** @param decode reads the client's texts @param most so many that match are enough; the first are found */
export async function searchMessages(
  session: SelectedSession,
  key: SearchKey,
  decode: (text: string) => string,
  most = Number.POSITIVE_INFINITY,
): Promise<Found> {
  const { selected, enabled } = session;
  if (enabled.has('UIDONLY') && usesSequenceNumbers(key)) throw uidRequired();
  const matcher = matcherOf(key, { selected, nowMs: Date.now(), decode });
  const found: number[] = [];
  const sequences = untilEnough(candidates(session, key), () => found.length >= most);
  const test = (message: SearchedMessage): NowOrLater<void> =>
    whenRead(matcher.matches(message), (isMatch) => void (isMatch && found.push(message.sequence)));
  const missed = await forEachMessage(session, sequences, test, looksInside(matcher));
  return { sequences: found, missed };
}

/** The answer to a command that has looked at messages and told what it found. As Dovecot's it says when the result may lack some. @throws TemporaryError when a message could not be read */
export function completed(command: 'Search' | 'Sort' | 'Thread', ...all: readonly Missed[]): Completion {
  for (const { trouble } of all) if (trouble !== undefined) throw trouble;
  return ok(`${command} completed.`, all.some(({ gone }) => gone > 0) ? 'EXPUNGEISSUED' : undefined);
}

/**
 * Does something with messages one after the other. Those that are gone are left out.
 * @param usesCache whether `act` asks for more than numbers and flags
 */
export async function forEachMessage(
  session: SelectedSession,
  sequences: Iterable<number>,
  act: (message: SearchedMessage) => NowOrLater<void>,
  usesCache = true,
): Promise<Missed> {
  const cache = usesCache ? await session.selected.view.openCache() : undefined;
  try {
    return await goThrough(session, searchWorld(session, cache), sequences, act);
  } finally {
    await cache?.close();
  }
}

async function goThrough(
  { output, selected }: SelectedSession,
  world: SearchWorld,
  sequences: Iterable<number>,
  act: (message: SearchedMessage) => NowOrLater<void>,
): Promise<Missed> {
  let gone = 0;
  let trouble: TemporaryError | undefined;
  for (const sequence of sequences) {
    if (selected.view.flagsAt(sequence) === undefined) {
      gone++;
      continue;
    }
    const message = new SearchedMessage(world, sequence);
    try {
      const acting = act(message);
      if (acting instanceof Promise) await acting;
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      trouble ??= error;
    } finally {
      message.close();
    }
    if (message.isGone) gone++;
    const pause = output.breathe();
    if (pause !== undefined) await pause;
    if (output.isBroken) break;
  }
  return { gone, trouble };
}

/** When the keys name messages by numbers, only those are looked at. */
function candidates({ selected }: SelectedSession, key: SearchKey): Iterable<number> {
  const parts = key.key === 'and' ? key.keys : [key];
  for (const part of parts) if (part.key === 'uid') return sequencesOf(selected, part.set, true);
  return allSequences(selected.view.count);
}

function* untilEnough(sequences: Iterable<number>, isEnough: () => boolean): Generator<number, void, undefined> {
  for (const sequence of sequences) {
    if (isEnough()) return;
    yield sequence;
  }
}

function* allSequences(count: number): Generator<number, void, undefined> {
  for (let sequence = 1; sequence <= count; sequence++) yield sequence;
}
