// What is in the queue, read from its files without a lock, as qmail-qread does (formats/qmail.md 8.4): safe beside whoever works on it, and when nobody does.
//
//   todo/N is there       not preprocessed: recipients as they were given, no channel
//   info/S/N is there     preprocessed: recipients after rewriting, each with its channel and whether it is done
//   mess/S/N alone        being written or removed: not listed
//
// A message may go away or be preprocessed while it is read: then it is left out, or shown as one of both. The order is that of the directories, as in qmail-qread.

import { parseEnvelopeRecords } from '../formats/queue/queue-envelope.js';
import type { QueueFiles } from './files.js';
import { isHeld } from './schedule.js';
import { type ChannelName, channelNames, messageNumber, type QueueTree } from './tree.js';

export interface ListedRecipient {
  /** undefined: not decided yet. */
  readonly channel: ChannelName | undefined;
  readonly address: string;
  readonly isDone: boolean;
}

export interface ListedMessage {
  readonly id: string;
  readonly isPreprocessed: boolean;
  readonly birthSeconds: number;
  readonly sizeBytes: number;
  readonly sender: string;
  readonly recipients: readonly ListedRecipient[];
  /** Some recipient has failed, which the sender will be told. */
  readonly isBouncing: boolean;
  /** The mtimes of its recipient files: the next tries, when it is held or nobody works on the queue. */
  readonly times: ReadonlyMap<ChannelName, number>;
  readonly isHeld: boolean;
}

/** How many messages there are, as qmail-qstat counts. */
export interface QueueTotals {
  readonly messages: number;
  readonly notPreprocessed: number;
}

/** All messages, those that are preprocessed first. What cannot be read is told to `trouble`. @throws TemporaryError when a directory cannot be read */
export async function* listQueue(
  tree: QueueTree,
  files: QueueFiles,
  trouble: (id: string, error: unknown) => void = () => {},
): AsyncGenerator<ListedMessage> {
  for (const kind of ['info', 'todo'] as const)
    for (const directory of tree.directories(kind))
      for (const id of (await files.list(directory)) ?? []) {
        if (messageNumber(id) === undefined) continue;
        try {
          const message = kind === 'info' ? readPreprocessed(tree, files, id) : readNew(tree, files, id);
          if (message !== undefined) yield message;
        } catch (error) {
          trouble(id, error);
        }
      }
}

/** One message; undefined when it is not there. @throws the system error */
export function readMessage(tree: QueueTree, files: QueueFiles, id: string): ListedMessage | undefined {
  return readNew(tree, files, id) ?? readPreprocessed(tree, files, id);
}

function readPreprocessed(tree: QueueTree, files: QueueFiles, id: string): ListedMessage | undefined {
  const info = files.status(tree.info(id));
  const envelope = files.read(tree.info(id));
  if (info === undefined || envelope === undefined) return undefined;
  const message = files.status(tree.mess(id));
  if (message === undefined)
    throw Object.assign(new Error(`${tree.shown(tree.mess(id))} is not there`), { code: 'ENOENT' });
  // Then what info/ has is a leftover.
  if (files.status(tree.todo(id)) !== undefined) return undefined;
  const times = new Map<ChannelName, number>();
  const recipients: ListedRecipient[] = [];
  for (const channel of channelNames) {
    const file = tree.channel(channel, id);
    const status = files.status(file);
    if (status === undefined) continue;
    times.set(channel, status.modifiedSeconds);
    for (const { letter, text } of parseEnvelopeRecords(files.read(file) ?? Buffer.alloc(0)))
      if (letter === 'T' || letter === 'D') recipients.push({ channel, address: text, isDone: letter === 'D' });
  }
  return {
    id,
    isPreprocessed: true,
    birthSeconds: info.modifiedSeconds,
    sizeBytes: message.sizeBytes,
    // Whatever its letter is, and whole or not: who looks wants to see what lies there.
    sender: envelope.toString('latin1').split('\0', 1)[0]?.slice(1) ?? '',
    recipients,
    isBouncing: files.status(tree.bounce(id)) !== undefined,
    times,
    isHeld: times.size > 0 && [...times.values()].every(isHeld),
  };
}

function readNew(tree: QueueTree, files: QueueFiles, id: string): ListedMessage | undefined {
  const status = files.status(tree.todo(id));
  const envelope = files.read(tree.todo(id));
  const message = files.status(tree.mess(id));
  if (status === undefined || envelope === undefined || message === undefined) return undefined;
  const records = parseEnvelopeRecords(envelope);
  const recipients = records
    .filter(({ letter }) => letter === 'T')
    .map(({ text }) => ({ channel: undefined, address: text, isDone: false }));
  return {
    id,
    isPreprocessed: false,
    birthSeconds: status.modifiedSeconds,
    sizeBytes: message.sizeBytes,
    sender: records.find(({ letter }) => letter === 'F')?.text ?? '',
    recipients,
    isBouncing: false,
    times: new Map(),
    isHeld: false,
  };
}

/** Counts what is in mess/ and todo/, as qmail-qstat does. @throws TemporaryError when a directory cannot be read */
export async function countQueue(tree: QueueTree, files: QueueFiles): Promise<QueueTotals> {
  const count = async (kind: 'mess' | 'todo'): Promise<number> => {
    let found = 0;
    for (const directory of tree.directories(kind)) found += ((await files.list(directory)) ?? []).length;
    return found;
  };
  return { messages: await count('mess'), notPreprocessed: await count('todo') };
}
