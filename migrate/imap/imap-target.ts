// An account of another IMAP server as the target of a copy.

import type { ImapFlow, MailboxObject } from 'imapflow';
import { PermanentError } from '../../src/errors.js';
import { inbox } from '../../src/formats/mailbox/folder-names.js';
import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';
import type { NewCopy, Target, TargetFolder } from '../copy/ends.js';
import { storedTextHash } from '../text-hash.js';
import { lostError } from './failure.js';
import { flagNames, isAtom } from './flags.js';
import { pathThere } from './folder-names.js';
import type { ImapSession } from './session.js';

const textsAtOnce = 20;

export class ImapTarget implements Target {
  readonly name: string;
  /** APPEND puts in one message. */
  readonly atOnce = { messages: 1, bytes: 1 };
  readonly #session: ImapSession;
  /** Paths there by names here. */
  readonly #paths = new Map<string, string>();
  /** The folders that were there at the start; undefined: nobody has looked. */
  #there: ReadonlySet<string> | undefined;

  constructor(session: ImapSession) {
    this.#session = session;
    this.name = session.name;
  }

  async open(folder: string): Promise<TargetFolder> {
    const path = await this.#path(folder);
    return this.#session.inFolder(
      path,
      false,
      async (client, mailbox) =>
        new ImapTargetFolder(this.#session, path, mailbox, await uidNextOf(client, path, mailbox)),
    );
  }

  async subscribe(folder: string): Promise<void> {
    const path = await this.#path(folder);
    await this.#session.repeatable(async (client) => {
      if (!(await client.mailboxSubscribe(path))) throw untold(client, `${this.name} refuses it`);
    }, 'change');
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #path(folder: string): Promise<string> {
    const known = folder === inbox ? inbox : this.#paths.get(folder);
    if (known !== undefined) return known;
    this.#there ??= await this.#session.repeatable(selectablePaths);
    const there = this.#there;
    const path = await this.#session.repeatable(async (client) => {
      const { prefix = '', delimiter = '/' } = client.namespace ?? {};
      const wanted = pathThere(folder, delimiter ?? '', prefix);
      // Not every server says [ALREADYEXISTS] when it refuses to make what is there.
      return there.has(wanted) ? wanted : (await client.mailboxCreate(wanted)).path;
    }, 'change');
    this.#paths.set(folder, path);
    return path;
  }
}

async function selectablePaths(client: ImapFlow): Promise<Set<string>> {
  const list = await client.list();
  return new Set(list.flatMap(({ path, flags }) => (flags.has('\\Noselect') ? [] : [path])));
}

/** Courier does not tell it in answer to SELECT. Messages are looked for from 1 on where nobody tells it. */
async function uidNextOf(client: ImapFlow, path: string, selected: { readonly uidNext?: number }): Promise<number> {
  if (selected.uidNext !== undefined && selected.uidNext > 0) return selected.uidNext;
  const status = await client.status(path, { uidNext: true });
  return (status === false ? undefined : status.uidNext) ?? 1;
}

class ImapTargetFolder implements TargetFolder {
  readonly uidValidity: number;
  readonly #session: ImapSession;
  readonly #path: string;
  readonly #permanent: ReadonlySet<string> | undefined;
  #uidNext: number;

  constructor(session: ImapSession, path: string, { uidValidity, permanentFlags }: MailboxObject, uidNext: number) {
    this.#session = session;
    this.#path = path;
    this.uidValidity = Number(uidValidity);
    this.#permanent = permanentFlags;
    this.#uidNext = uidNext;
  }

  keeps(keyword: string): boolean {
    return isAtom(keyword) && flagNames({ flags: 0, keywords: [keyword] }, this.#permanent).length > 0;
  }

  async uidNext(): Promise<number> {
    return this.#uidNext;
  }

  async append(copies: readonly NewCopy[]): Promise<readonly (number | undefined)[]> {
    const uids: (number | undefined)[] = [];
    for (const { message, text } of copies) {
      const { internalDateMs } = message;
      // Selected, so that flags which it does not keep are left out, and the UID is found without UIDPLUS.
      await this.#selected(async () => {});
      const result = await this.#session.once((client) =>
        client.append(
          this.#path,
          wireText(text),
          flagNames(message),
          internalDateMs === undefined ? undefined : new Date(internalDateMs),
        ),
      );
      if (result === false || result === undefined) throw new PermanentError('5.0.0', 'APPEND was refused');
      if (result.uid !== undefined) this.#uidNext = Math.max(this.#uidNext, result.uid + 1);
      uids.push(result.uid);
    }
    return uids;
  }

  async change(uid: number, added: NamedFlags, removed: NamedFlags): Promise<void> {
    await this.#selected(async (client, permanent) => {
      const [add, remove] = [flagNames(added, permanent), flagNames(removed, permanent)];
      const range = String(uid);
      const isDone =
        (add.length === 0 || (await client.messageFlagsAdd(range, add, { uid: true }))) &&
        (remove.length === 0 || (await client.messageFlagsRemove(range, remove, { uid: true })));
      if (!isDone) throw untold(client, 'the server did not change its flags');
    });
  }

  async hashes(fromUid: number): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.#selected(async (client) => {
      const uids: number[] = [];
      // `*` is the last message, even when its UID is lower.
      for await (const { uid } of client.fetch(`${fromUid}:*`, { uid: true }, { uid: true }))
        if (uid >= fromUid) uids.push(uid);
      const found = new Map<string, number[]>();
      for (let at = 0; at < uids.length; at += textsAtOnce) {
        const range = uids.slice(at, at + textsAtOnce).join(',');
        for await (const { uid, source } of client.fetch(range, { uid: true, source: true }, { uid: true })) {
          if (source === undefined) continue;
          const hash = storedTextHash(source);
          found.set(hash, [...(found.get(hash) ?? []), uid]);
        }
      }
      return found;
    });
  }

  async close(): Promise<void> {}

  #selected<T>(act: (client: ImapFlow, permanent: ReadonlySet<string> | undefined) => Promise<T>): Promise<T> {
    return this.#session.inFolder(this.#path, false, (client, { uidValidity, permanentFlags }) => {
      if (Number(uidValidity) !== this.uidValidity)
        throw new PermanentError('5.0.0', `${this.#path}: UIDVALIDITY has changed; repeat the command`);
      return act(client, permanentFlags);
    });
  }
}

/** Why a command failed of which the library does not say why. */
function untold(client: ImapFlow, refusal: string): Error {
  return client.usable ? new PermanentError('5.0.0', refusal) : lostError();
}

/** With CR LF line ends, as IMAP wants them. */
function wireText(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}
