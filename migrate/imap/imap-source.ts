// An account of another IMAP server as the source of a copy. Folders are opened with EXAMINE and texts asked for with BODY.PEEK, so nothing changes there. Messages are known by their UIDs, as long
// as the folder's UIDVALIDITY stays.

import type { ImapFlow } from 'imapflow';
import { TemporaryError } from '../../src/errors.js';
import { inbox } from '../../src/formats/mailbox/folder-names.js';
import type { ListedMessage, Source, SourceFolder } from '../copy/ends.js';
import { flagsFrom } from './flags.js';
import { nameHere } from './folder-names.js';
import type { ImapSession } from './session.js';

/** So many messages are listed, and texts of so many messages or bytes asked for, with one command. */
const listedAtOnce = 2000;
const textsAtOnce = { messages: 50, bytes: 4 * 1024 * 1024 };

export class ImapSource implements Source {
  readonly name: string;
  readonly #session: ImapSession;
  /** Paths there by names here. */
  readonly #paths = new Map<string, string>();
  #subscribed: string[] = [];

  constructor(session: ImapSession) {
    this.#session = session;
    this.name = session.name;
  }

  async folders(tell: (place: string, problem: string) => void): Promise<readonly string[]> {
    const { list, prefix } = await this.#session.repeatable(async (client) => ({
      list: await client.list(),
      prefix: client.namespace?.prefix ?? '',
    }));
    for (const { path, delimiter, flags, specialUse, subscribed } of list) {
      if (flags.has('\\Noselect') || flags.has('\\NonExistent')) continue;
      const name = nameHere(path, delimiter, prefix);
      if (specialUse === '\\All' && name !== inbox) tell(name, 'shows what other folders hold and is left out');
      else if (this.#paths.has(name)) tell(name, `${path} has the same name here as ${this.#paths.get(name)}`);
      else this.#paths.set(name, path);
      if (subscribed && name !== inbox) this.#subscribed.push(name);
    }
    return [...this.#paths.keys()];
  }

  async open(name: string): Promise<SourceFolder> {
    const path = this.#paths.get(name) ?? name;
    const [generation, messages] = await this.#session.inFolder(path, true, async (client, { uidValidity, exists }) => {
      const listed = new Map<string, ListedMessage>();
      for (let first = 1; first <= exists; first += listedAtOnce)
        for (const message of await list(client, `${first}:${Math.min(exists, first + listedAtOnce - 1)}`))
          listed.set(message.id, message);
      return [String(uidValidity), [...listed.values()]] as const;
    });
    const session = this.#session;
    return {
      generation: `imap ${generation}`,
      messages: [...messages].sort((a, b) => Number(a.id) - Number(b.id)),
      async *texts(wanted) {
        for (const batch of batches(wanted)) {
          const texts = await session.inFolder(path, true, async (client, { uidValidity }) => {
            if (String(uidValidity) !== generation)
              throw new TemporaryError('4.3.0', `${session.name} ${path}: UIDVALIDITY has changed; repeat the command`);
            return fetchTexts(client, batch);
          });
          for (const { id } of batch) yield texts.get(id);
        }
      },
      close: async () => {},
    };
  }

  async subscriptions(): Promise<readonly string[]> {
    return this.#subscribed;
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

async function list(client: ImapFlow, range: string): Promise<ListedMessage[]> {
  const messages: ListedMessage[] = [];
  for await (const { uid, flags, internalDate, size } of client.fetch(range, {
    uid: true,
    flags: true,
    internalDate: true,
    size: true,
  })) {
    const time = internalDate === undefined ? Number.NaN : new Date(internalDate).getTime();
    const internalDateMs = Number.isNaN(time) ? undefined : time;
    messages.push({ id: String(uid), ...flagsFrom(flags ?? []), internalDateMs, sizeBytes: size ?? 0 });
  }
  return messages;
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

/** By id; those that are gone are left out. */
async function fetchTexts(client: ImapFlow, batch: readonly ListedMessage[]): Promise<Map<string, Buffer | Error>> {
  const texts = new Map<string, Buffer | Error>();
  const uids = batch.map(({ id }) => id).join(',');
  for await (const { uid, source } of client.fetch(uids, { uid: true, source: true }, { uid: true }))
    texts.set(String(uid), source ?? new Error('the server gives no text'));
  return texts;
}
