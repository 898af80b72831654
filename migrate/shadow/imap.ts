// One account as two IMAP servers show it: folders, their numbers, and each message's UID, flags, size, date and envelope. Folders are opened by EXAMINE, so nothing is marked.

import type { FetchMessageObject, ImapFlow, ListResponse, StatusObject } from 'imapflow';
import { TemporaryError } from '../../src/errors.js';
import type { Found } from './difference.js';
import { setDifference } from './sets.js';

export interface SeenFolder {
  /** As clients know it. */
  readonly path: string;
  readonly isSelectable: boolean;
  readonly isSubscribed: boolean;
  /** What the server itself says of it. */
  readonly specialUse: string | undefined;
  readonly status: Readonly<Record<(typeof statusItems)[number], string>> | undefined;
}

export interface SeenFolders {
  /** What stands before the names of folders, such as `INBOX.`. */
  readonly prefix: string;
  readonly delimiter: string;
  /** By the name without the prefix, levels separated by dots. */
  readonly folders: ReadonlyMap<string, SeenFolder>;
}

const statusItems = ['messages', 'unseen', 'uidNext', 'uidValidity'] as const;

/** The folders of a client's account. @throws TemporaryError */
export async function seeFolders(client: ImapFlow): Promise<SeenFolders> {
  const listed = await asked(() => client.list());
  const prefix = client.namespace?.prefix ?? '';
  const delimiter = client.namespace?.delimiter ?? listed[0]?.delimiter ?? '';
  const folders = new Map<string, SeenFolder>();
  for (const folder of listed) {
    const key = folder.path.startsWith(prefix) ? folder.path.slice(prefix.length) : folder.path;
    folders.set(delimiter === '' ? key : key.replaceAll(delimiter, '.'), await seeFolder(client, folder));
  }
  return { prefix, delimiter, folders };
}

async function seeFolder(client: ImapFlow, folder: ListResponse): Promise<SeenFolder> {
  const { path, flags, subscribed, specialUse, specialUseSource } = folder;
  const isSelectable = !flags.has('\\Noselect');
  const query = Object.fromEntries(statusItems.map((item) => [item, true]));
  const status = isSelectable ? await asked(() => client.status(path, query)) : false;
  return {
    path,
    isSelectable,
    isSubscribed: subscribed,
    specialUse: specialUseSource === 'extension' ? specialUse : undefined,
    status: status === false ? undefined : textOf(status),
  };
}

function textOf({ messages, unseen, uidNext, uidValidity }: StatusObject): NonNullable<SeenFolder['status']> {
  const text = (value: number | bigint | undefined): string => String(value ?? 'not told');
  return {
    messages: text(messages),
    unseen: text(unseen),
    uidNext: text(uidNext),
    uidValidity: text(uidValidity),
  };
}

/** What differs between the folders, each with the folder that it is of; '' for the account. */
export function compareFolders(old: SeenFolders, ours: SeenFolders): (Found & { readonly of: string })[] {
  const found: (Found & { of: string })[] = [];
  const tell = (of: string, what: string, before: string, now: string, cause?: string): void => {
    if (before !== now)
      found.push({ of, what, old: before, new: now, isNoticed: true, ...(cause !== undefined && { cause }) });
  };
  const names = ({ prefix, delimiter }: SeenFolders): string => JSON.stringify(`${prefix}A${delimiter}B`);
  const isPrefix = old.prefix === 'INBOX.';
  tell(
    '',
    'names of folders',
    names(old),
    names(ours),
    `clients know folders by name; ${isPrefix || old.prefix === '' ? `serve --imap-namespace ${isPrefix ? 'INBOX.' : 'none'}` : 'vqmail has no such namespace'}`,
  );
  const list = setDifference(old.folders.keys(), ours.folders.keys());
  if (list !== undefined) found.push({ of: '', what: 'folders', ...list, isNoticed: true });
  for (const [name, before] of old.folders) {
    const now = ours.folders.get(name);
    if (now === undefined) continue;
    tell(name, 'can be opened', yes(before.isSelectable), yes(now.isSelectable));
    if (name !== 'INBOX') tell(name, 'subscribed', yes(isShown(old, name)), yes(isShown(ours, name)));
    if (before.specialUse !== undefined)
      tell(name, 'special use', before.specialUse, now.specialUse ?? 'none', 'serve --imap-special-use');
    if (before.status === undefined || now.status === undefined) continue;
    for (const item of statusItems)
      tell(name, item, before.status[item], now.status[item], item === 'uidValidity' ? downloadsAll : undefined);
  }
  return found;
}

/** Whether it is subscribed or something below it: to the library both are the same, since some servers list the latter too. */
function isShown({ folders }: SeenFolders, name: string): boolean {
  return [...folders].some(([key, { isSubscribed }]) => isSubscribed && `${key}.`.startsWith(`${name}.`));
}

const downloadsAll = 'IMAP clients download everything again';

function yes(is: boolean): string {
  return is ? 'yes' : 'no';
}

const batch = 250;

/**
 * What differs between the messages of a folder that both servers have under the same UIDVALIDITY.
 * @param mostMessages the newest that are looked at
 * @throws TemporaryError
 */
export async function compareMessages(
  old: { readonly client: ImapFlow; readonly path: string },
  ours: { readonly client: ImapFlow; readonly path: string },
  mostMessages: number,
): Promise<{ readonly found: Found[]; readonly messages: number }> {
  const [uids, ourUids] = [await uidsOf(old), await uidsOf(ours)];
  const found: Found[] = [];
  const difference = setDifference(uids, ourUids);
  if (difference !== undefined) found.push({ what: 'UIDs', ...difference, isNoticed: true });
  const known = new Set(ourUids);
  const common = uids.filter((uid) => known.has(uid)).slice(-mostMessages);
  for (let at = 0; at < common.length; at += batch) {
    const range = common.slice(at, at + batch).join(',');
    const [before, now] = [await messagesOf(old.client, range), await messagesOf(ours.client, range)];
    for (const [uid, message] of before) {
      const other = now.get(uid);
      if (other !== undefined) found.push(...compareMessage(uid, message, other));
    }
  }
  return { found, messages: common.length };
}

async function uidsOf({ client, path }: { readonly client: ImapFlow; readonly path: string }): Promise<number[]> {
  await asked(() => client.mailboxOpen(path, { readOnly: true }));
  const uids = await asked(() => client.search({ all: true }, { uid: true }));
  return Array.isArray(uids) ? uids : [];
}

async function messagesOf(client: ImapFlow, range: string): Promise<Map<number, ReadonlyMap<string, string>>> {
  const query = { uid: true, flags: true, size: true, internalDate: true, envelope: true };
  const messages = await asked(() => client.fetchAll(range, query, { uid: true }));
  return new Map(messages.map((message) => [message.uid, fieldsOf(message)]));
}

/** What clients see of a message, in words. */
function fieldsOf({ flags, size, internalDate, envelope }: FetchMessageObject): ReadonlyMap<string, string> {
  const shown = [...(flags ?? [])].filter((flag) => flag.toLowerCase() !== '\\recent').sort();
  const date = internalDate instanceof Date ? internalDate.toISOString() : String(internalDate);
  return new Map([
    ['flags', shown.join(' ') || 'none'],
    ['size', String(size)],
    ['INTERNALDATE', date],
    ...Object.entries(envelope ?? {})
      .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
      .map(([name, value]) => [`ENVELOPE ${name}`, JSON.stringify(value)] as const),
  ]);
}

function compareMessage(uid: number, old: ReadonlyMap<string, string>, ours: ReadonlyMap<string, string>): Found[] {
  return [...new Set([...old.keys(), ...ours.keys()])].flatMap((name) => {
    const [before, now] = [old.get(name) ?? 'none', ours.get(name) ?? 'none'];
    return before === now ? [] : [{ what: `UID ${uid}: ${name}`, old: before, new: now, isNoticed: true }];
  });
}

async function asked<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const said = error instanceof Error && 'responseText' in error ? String(error.responseText) : undefined;
    throw new TemporaryError('4.4.2', said ?? (error instanceof Error ? error.message : String(error)), error);
  }
}
