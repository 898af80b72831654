// From todo/N to info/S/N and recipient files (formats/qmail.md 4.3): every recipient is rewritten by the control files and goes to one of the two channels.
//
//   unlink local/S/N, remote/S/N, info/S/N       leftovers of a try before: while todo/N is there they mean nothing
//   create and fill info/S/N, local/S/N, remote/S/N, fsync each, fsync their directories
//   unlink intd/N, todo/N                        now the message is preprocessed
//
// A failure or a crash before the last step leaves todo/N, and everything is done again at the next look. qmail-send does one message at a time and waits for the disk
// each time; here several are on their way at once, each in that order. A message that can be tried at once is not preprocessed before that (intake/straight).

import { type RewritingRules, rewrite } from '../../formats/controls/address-rewriting.js';
import { parseEnvelopeRecords, parseInfo } from '../../formats/queue/queue-envelope.js';
import { serializeRecipients } from '../../formats/queue/queue-recipients.js';
import type { NewFile, QueueFiles } from '../files.js';
import type { QueueEvent, QueueLog } from '../log.js';
import type { Ids } from '../owners.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';

export interface PreprocessOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly owner: Ids | undefined;
  readonly log: QueueLog;
  readonly rules: () => RewritingRules;
}

/** What was wrong with which file, in qmail-send's words. */
class PreprocessTrouble extends Error {
  constructor(words: string, file: string) {
    super(`${words} ${file}`);
  }
}

/** A message of todo/ as it was read. */
export interface NewMessage {
  readonly id: string;
  readonly sizeBytes: number;
  /** undefined: its envelope has none, and nothing of it can be delivered. */
  readonly sender: string | undefined;
  /** What its info and recipient files are to hold. */
  readonly info: Buffer;
  readonly recipients: ReadonlyMap<ChannelName, Buffer>;
  readonly recipientCount: number;
  /** The first recipient, rewritten; empty when there is none. */
  readonly firstAddress: string;
}

/** Preprocesses one message. @returns its channels; undefined when it stays in todo/ */
export async function preprocess(options: PreprocessOptions, id: string): Promise<readonly ChannelName[] | undefined> {
  const message = readNewMessage(options, id);
  if (message === undefined || !(await settleMessage(options, message))) return undefined;
  return channelsOf(message);
}

export function channelsOf({ recipients }: NewMessage): readonly ChannelName[] {
  return channelNames.filter((channel) => recipients.has(channel));
}

/** Reads what is in todo/, removes leftovers of a try before, and tells the log of the message. @returns undefined when it is gone or in trouble, which is in the log then */
export function readNewMessage(options: PreprocessOptions, id: string): NewMessage | undefined {
  const { tree, files, log } = options;
  const shown = (file: string): string => tree.shown(file);
  try {
    const envelope = trying('unable to open', shown(tree.todo(id)), () => files.read(tree.todo(id)));
    // It was dealt with since its name was read.
    if (envelope === undefined) return undefined;
    const message = trying('unable to stat', shown(tree.mess(id)), () => files.status(tree.mess(id)));
    if (message === undefined) throw new PreprocessTrouble('unable to stat', shown(tree.mess(id)));
    for (const file of [...channelNames.map((channel) => tree.channel(channel, id)), tree.info(id)])
      trying('unable to unlink', shown(file), () => files.unlink(file));
    const { message: found, lines, isKnown } = newMessageOf(envelope, id, message.sizeBytes, options.rules());
    // Before anything comes of it: who reads the log knows every message, whenever this process ends.
    for (const line of lines) log(line);
    if (!isKnown) throw new PreprocessTrouble('unknown record type in', shown(tree.todo(id)));
    return found;
  } catch (error) {
    warn(options, id, error);
    return undefined;
  }
}

/**
 * Writes the info and recipient files of a message and takes it out of todo/.
 * @param birthSeconds when it was taken up, if not just now
 * @returns false when it stays in todo/, which is in the log then
 */
export async function settleMessage(
  options: PreprocessOptions,
  message: NewMessage,
  birthSeconds?: number,
): Promise<boolean> {
  const { tree, files } = options;
  const { id } = message;
  try {
    await write(options, message, birthSeconds);
    try {
      await files.remove(tree.intd(id));
      await files.remove(tree.todo(id));
    } catch {
      throw new PreprocessTrouble('qmail-clean unable to clean up', `todo/${id}`);
    }
    return true;
  } catch (error) {
    warn(options, id, error);
    return false;
  }
}

function warn({ tree, log }: PreprocessOptions, id: string, error: unknown): void {
  const text = error instanceof PreprocessTrouble ? error.message : `trouble reading ${tree.shown(tree.todo(id))}`;
  log({ event: 'warning', text });
}

async function write(
  { tree, files, owner }: PreprocessOptions,
  { id, info, recipients }: NewMessage,
  birthSeconds: number | undefined,
): Promise<void> {
  const made: NewFile[] = [];
  const make = async (file: string, bytes: Buffer): Promise<void> => {
    try {
      made.push(await files.make(file, 0o600, owner));
    } catch {
      throw new PreprocessTrouble('unable to create', tree.shown(file));
    }
    trying('trouble writing to', tree.shown(file), () => made.at(-1)?.write(bytes));
  };
  try {
    await make(tree.info(id), info);
    if (birthSeconds !== undefined) files.setTimes(tree.info(id), birthSeconds);
    for (const [channel, bytes] of recipients) await make(tree.channel(channel, id), bytes);
    const sync = async (open: NewFile): Promise<void> => {
      try {
        await Promise.all([open.sync(), files.syncEntry(open.path)]);
      } catch {
        throw new PreprocessTrouble('trouble fsyncing', tree.shown(open.path));
      }
    };
    // All are waited for, so that none is closed under its sync.
    for (const result of await Promise.allSettled(made.map(sync)))
      if (result.status === 'rejected') throw result.reason;
  } finally {
    for (const open of made) open.close();
  }
}

/** What an envelope becomes, and what the log is to say of it. An unknown record ends it. */
export function newMessageOf(
  envelope: Buffer,
  id: string,
  sizeBytes: number,
  rules: RewritingRules,
): { readonly message: NewMessage; readonly lines: readonly QueueEvent[]; readonly isKnown: boolean } {
  const lines: QueueEvent[] = [{ event: 'new', msg: id }];
  const senders: string[] = [];
  const recipients = new Map<ChannelName, string[]>();
  let uid = '0';
  let pid = '0';
  let isKnown = true;
  for (const { letter, text } of parseEnvelopeRecords(envelope)) {
    if (letter === 'u') uid = digitsOf(text);
    else if (letter === 'p') pid = digitsOf(text);
    else if (letter === 'F') {
      senders.push(`F${text}\0`);
      lines.push({ event: 'info', msg: id, bytes: sizeBytes, from: text, qp: pid, uid });
    } else if (letter === 'T') {
      const { channel, address } = rewrite(text, rules);
      const others = recipients.get(channel);
      if (others === undefined) recipients.set(channel, [address]);
      else others.push(address);
    } else {
      isKnown = false;
      break;
    }
  }
  const files = new Map([...recipients].map(([channel, addresses]) => [channel, serializeRecipients(addresses)]));
  const all = [...recipients.values()].flat();
  const info = Buffer.from(senders.join(''), 'latin1');
  const message = {
    id,
    sizeBytes,
    info,
    sender: parseInfo(info),
    recipients: files,
    recipientCount: all.length,
    firstAddress: all[0] ?? '',
  };
  return { message, lines, isKnown };
}

function digitsOf(text: string): string {
  return /^\d*/.exec(text)?.[0].replace(/^0+(?=\d)/, '') || '0';
}

function trying<T>(words: string, file: string, act: () => T): T {
  try {
    return act();
  } catch {
    throw new PreprocessTrouble(words, file);
  }
}
