// Goes through the messages of the selected mailbox with the keys of SEARCH, SORT or THREAD. Others have their turn in between.

import type { SearchKey } from '../../../protocols/imap/search-keys.js';
import type { SelectedSession } from '../command.js';
import { sequencesOf } from '../messages/message-set.js';
import { matcherOf } from './matchers.js';
import { SearchedMessage, type SearchWorld } from './searched-message.js';

export function searchWorld(session: SelectedSession): SearchWorld {
  const { selected, services } = session;
  return { ...services.reading, view: selected.view, memory: selected.largeMessage };
}

/** The sequence numbers of the messages that match, ascending. @param decode reads the client's texts */
export async function searchMessages(
  session: SelectedSession,
  key: SearchKey,
  decode: (text: string) => string,
): Promise<number[]> {
  const { selected } = session;
  const matcher = matcherOf(key, { selected, nowMs: Date.now(), decode });
  const found: number[] = [];
  await forEachMessage(session, candidates(session, key), (message) => {
    const matches = matcher.matches(message);
    if (matches instanceof Promise) return matches.then((isMatch) => void (isMatch && found.push(message.sequence)));
    if (matches) found.push(message.sequence);
    return undefined;
  });
  return found;
}

/** Does something with messages one after the other. Those that are gone are left out. */
export async function forEachMessage(
  session: SelectedSession,
  sequences: Iterable<number>,
  act: (message: SearchedMessage) => Promise<void> | undefined,
): Promise<void> {
  const { output, selected } = session;
  const world = searchWorld(session);
  for (const sequence of sequences) {
    if (selected.view.flagsAt(sequence) === undefined) continue;
    const message = new SearchedMessage(world, sequence);
    try {
      const acting = act(message);
      if (acting !== undefined) await acting;
    } finally {
      message.close();
    }
    const pause = output.breathe();
    if (pause !== undefined) await pause;
    if (output.isBroken) return;
  }
}

/** When the keys name messages by numbers, only those are looked at. */
function candidates({ selected }: SelectedSession, key: SearchKey): Iterable<number> {
  const parts = key.key === 'and' ? key.keys : [key];
  for (const part of parts) if (part.key === 'uid') return sequencesOf(selected, part.set, true);
  return allSequences(selected.view.count);
}

function* allSequences(count: number): Generator<number, void, undefined> {
  for (let sequence = 1; sequence <= count; sequence++) yield sequence;
}
