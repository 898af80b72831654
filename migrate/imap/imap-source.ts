// An account of another IMAP server as the source of a copy. Folders are opened with EXAMINE and texts asked for with BODY.PEEK, so nothing changes there. Messages are known by their UIDs, as long
// as the folder's UIDVALIDITY stays.
//
// Some servers have folders that show what others hold (RFC 6154): \All, and at Gmail Starred and Important. Where messages have ids that are the same in all folders (RFC 8474, Gmail's
// X-GM-MSGID), of \All is copied what no other folder holds, which is what Gmail's users have archived. Without such ids \All is left out.

import type { ListResponse } from 'imapflow';
import { inbox, isInbox } from '../../src/formats/mailbox/folder-names.js';
import type { Source, SourceFolder, Tell } from '../copy/ends.js';
import { namesHere } from './folder-names.js';
import type { ImapSession } from './session.js';
import { listFolder, textsOf } from './source-folder.js';

export class ImapSource implements Source {
  readonly name: string;
  readonly #session: ImapSession;
  /** Paths there by names here. */
  readonly #paths = new Map<string, string>();
  /** The path of the folder that shows what all others hold. */
  #all: string | undefined;
  #subscribed: string[] = [];

  constructor(session: ImapSession) {
    this.#session = session;
    this.name = session.name;
  }

  async folders(_: Tell, note: Tell): Promise<readonly string[]> {
    const { list, prefix, hasIds } = await this.#session.repeatable(async (client) => ({
      list: await client.list(),
      prefix: client.namespace?.prefix ?? '',
      hasIds: client.capabilities.has('X-GM-EXT-1') || client.capabilities.has('OBJECTID'),
    }));
    const selectable = list.filter(({ flags }) => !flags.has('\\Noselect') && !flags.has('\\NonExistent'));
    const names = namesHere(selectable, prefix);
    const all = selectable.find((folder) => isView(folder, 'all'));
    this.#all = hasIds ? all?.path : undefined;
    for (const folder of selectable) {
      const { path, subscribed } = folder;
      const name = names.get(path) ?? path;
      const isShown = folder === all || (this.#all !== undefined && isView(folder, 'flagged', 'important'));
      if (isShown && path !== this.#all) note(name, 'shows what other folders hold and is left out');
      else this.#paths.set(name, path);
      if (subscribed && name !== inbox) this.#subscribed.push(name);
    }
    const isLast = ([, path]: [string, string]): number => Number(path === this.#all);
    const inOrder = [...this.#paths].sort((a, b) => isLast(a) - isLast(b)).map(([name]) => name);
    if (this.#all !== undefined) note(inOrder.at(-1) ?? '', 'of it only what no other folder holds is copied');
    return inOrder;
  }

  async open(name: string): Promise<SourceFolder> {
    const path = this.#paths.get(name) ?? name;
    const folder = await listFolder(this.#session, path);
    const elsewhere = path === this.#all ? await this.#idsElsewhere() : new Set();
    const listed = folder.listed.filter(({ emailId }) => !elsewhere.has(emailId));
    return {
      generation: `imap ${folder.uidValidity}`,
      messages: listed.map(({ message }) => message),
      texts: (wanted) => textsOf(this.#session, folder, wanted),
      close: async () => {},
    };
  }

  async subscriptions(): Promise<readonly string[]> {
    return this.#subscribed;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** The ids of what other folders hold now, and not when they were copied: mail that has come since is theirs. */
  async #idsElsewhere(): Promise<ReadonlySet<string | undefined>> {
    const ids = new Set<string | undefined>();
    for (const path of this.#paths.values()) {
      if (path === this.#all) continue;
      const { listed } = await listFolder(this.#session, path);
      for (const { emailId } of listed) if (emailId !== undefined) ids.add(emailId);
    }
    return ids;
  }
}

/** Whether the server itself calls a folder so; a name says nothing. */
function isView({ path, flags }: ListResponse, ...uses: readonly string[]): boolean {
  return !isInbox(path) && [...flags].some((flag) => uses.includes(flag.slice(1).toLowerCase()));
}
