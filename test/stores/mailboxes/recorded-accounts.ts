// Recorded Maildirs as accounts, and what the server that left one said of it: its folders' numbers and messages, read out of its IMAP answers.

import path from 'node:path';
import type { TestContext } from 'node:test';
import { silentLog } from '../../../src/log.js';
import type { AccountMailboxes } from '../../../src/stores/mailboxes/account-mailboxes.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { buildTree, bytesOf, loadRecording, newRoot, removeRoot, type SessionEvent } from '../../support/recording.js';

const isRoot = process.getuid?.() === 0;
export const recordedOwner = isRoot
  ? { uid: 6020, gid: 6020 }
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export interface RecordedAccount {
  readonly account: AccountMailboxes;
  readonly maildir: string;
}

/** Builds a recording's tree below a root of the test's own. */
export function recordedAccount(t: TestContext, name: string): RecordedAccount {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const { tree = {} } = loadRecording('maildir', name);
  buildTree(tree, root);
  const maildir = path.join(root, Object.keys(tree)[0] ?? '');
  return { account: new OpenMailboxes({ log: silentLog }).account(maildir, recordedOwner), maildir };
}

/** A message as FETCH told it. */
export interface ToldMessage {
  readonly uid: number;
  readonly flags: readonly string[];
  readonly internalDate: string;
  readonly size: number;
}

export interface ToldFolder {
  /** STATUS, by item. */
  readonly status: Readonly<Record<string, number>>;
  readonly messages: readonly ToldMessage[];
}

export interface ToldAccount {
  readonly server: string;
  readonly prefix: string;
  /** Of LIST "" *, without those that cannot be selected. */
  readonly names: readonly string[];
  readonly folders: ReadonlyMap<string, ToldFolder>;
}

interface Answers {
  readonly server: string;
  readonly settings: { readonly prefix?: string };
  readonly list?: readonly SessionEvent[];
  readonly folders?: Readonly<Record<string, readonly SessionEvent[]>>;
}

/** What each server said of a recorded tree. */
export function toldAccounts(name: string): ToldAccount[] {
  const { answers = [] } = loadRecording('maildir', name) as { answers?: readonly Answers[] };
  return answers.map(({ server, settings, list = [], folders = {} }) => ({
    server,
    prefix: server === 'courier' ? 'INBOX.' : (settings.prefix ?? ''),
    names: listed(replyTo(list, 'LIST "" *')),
    folders: new Map(Object.entries(folders).map(([folder, events]) => [folder, toldFolder(events)])),
  }));
}

/** The text of the answer to the command that has this in it. */
function replyTo(events: readonly SessionEvent[], command: string): string {
  const at = events.findIndex(({ client }) => client !== undefined && bytesOf(client).includes(command));
  const text: string[] = [];
  for (const { server, client } of events.slice(at + 1)) {
    if (client !== undefined) break;
    text.push(bytesOf(server).toString('latin1'));
  }
  return at < 0 ? '' : text.join('');
}

function listed(reply: string): string[] {
  return [...reply.matchAll(/^\* LIST \(([^)]*)\) "\." (?:"([^"]*)"|(\S+))\r$/gm)].flatMap(
    ([, flags = '', quoted, atom = '']) => (flags.includes('Noselect') ? [] : [quoted ?? atom]),
  );
}

function toldFolder(events: readonly SessionEvent[]): ToldFolder {
  const status = /\* STATUS (?:"[^"]*"|\S+) \(([^)]*)\)/.exec(replyTo(events, 'STATUS'))?.[1] ?? '';
  const items = [...status.matchAll(/([A-Z]+) ([0-9]+)/g)].map(([, item = '', value]) => [item, Number(value)]);
  const fetched = replyTo(events, 'UID FETCH');
  const pattern = /\* [0-9]+ FETCH \(UID ([0-9]+) FLAGS \(([^)]*)\) INTERNALDATE "([^"]*)" RFC822\.SIZE ([0-9]+)/g;
  const messages = [...fetched.matchAll(pattern)].map(([, uid, flags = '', internalDate = '', size]) => ({
    uid: Number(uid),
    flags: flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent'),
    internalDate: internalDate.trim(),
    size: Number(size),
  }));
  return { status: Object.fromEntries(items), messages };
}
