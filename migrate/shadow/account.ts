// One account on two servers of one protocol.

import type { ImapFlow } from 'imapflow';
import { LoginRefused, openImap } from '../clients/imap.js';
import type { ServerAddress } from '../clients/server-address.js';
import type { ComparedAccount, Credentials } from './accounts.js';
import { compareLogins, type Found } from './difference.js';
import { compareFolders, compareMessages, seeFolders } from './imap.js';
import { type Looked, noCounts, type ServerPair } from './looked.js';
import { comparePop3, seePop3 } from './pop3.js';
import { compareSendingLogins, seeLogin } from './smtp.js';

export interface AccountOptions {
  readonly mostMessages: number;
  readonly from: string | undefined;
}

/** @throws TemporaryError */
export async function lookAtAccount(
  pair: ServerPair,
  { name, old, new: ours }: ComparedAccount,
  options: AccountOptions,
): Promise<Looked> {
  if (ours === undefined) {
    const cause = 'give it by --account or --accounts';
    const found = { what: 'login', old: 'by the master user', new: 'no password is known', cause, isNoticed: false };
    return { found: [found], counts: noCounts };
  }
  const logins = { old, new: ours };
  if (pair.protocol === 'imap') return lookAtImap(pair, logins, options.mostMessages);
  if (pair.protocol === 'pop3') return lookAtPop3(pair, logins, options);
  const before = await seeLogin(pair.old, name, old, options.from);
  const now = await seeLogin(pair.new, name, ours, options.from);
  const isCompared = before.relay !== undefined && now.relay !== undefined;
  return { found: compareSendingLogins(before, now), counts: { ...noCounts, accounts: Number(isCompared) } };
}

interface Logins {
  readonly old: Credentials;
  readonly new: Credentials;
}

async function lookAtPop3(pair: ServerPair, logins: Logins, options: AccountOptions): Promise<Looked> {
  const before = await seePop3(pair.old, logins.old, options.mostMessages, options.from);
  const now = await seePop3(pair.new, logins.new, options.mostMessages, options.from);
  const isCompared = before.login.startsWith('+OK') && now.login.startsWith('+OK');
  const messages = isCompared ? [...before.messages.keys()].filter((id) => now.messages.has(id)).length : 0;
  return { found: comparePop3(before, now), counts: { ...noCounts, accounts: Number(isCompared), messages } };
}

async function lookAtImap(pair: ServerPair, logins: Logins, mostMessages: number): Promise<Looked> {
  const before = await sessionOf(pair.old, logins.old);
  try {
    const now = await sessionOf(pair.new, logins.new);
    try {
      if (typeof before === 'string' || typeof now === 'string') return refused(before, now);
      return await compareSessions(before, now, mostMessages);
    } finally {
      if (typeof now !== 'string') now.close();
    }
  } finally {
    if (typeof before !== 'string') before.close();
  }
}

/** The client, or why it was not let in. */
async function sessionOf(address: ServerAddress, { user, password }: Credentials): Promise<ImapFlow | string> {
  try {
    return await openImap(address, user, password);
  } catch (error) {
    if (error instanceof LoginRefused) return error.message;
    throw error;
  }
}

function refused(before: ImapFlow | string, now: ImapFlow | string): Looked {
  const answer = (session: ImapFlow | string): string => (typeof session === 'string' ? session : 'OK');
  const found = compareLogins(typeof before !== 'string', typeof now !== 'string', answer(before), answer(now));
  return { found: found === undefined ? [] : [found], counts: noCounts };
}

async function compareSessions(before: ImapFlow, now: ImapFlow, mostMessages: number): Promise<Looked> {
  const [old, ours] = [await seeFolders(before), await seeFolders(now)];
  const found: (Found & { of?: string })[] = compareFolders(old, ours);
  let messages = 0;
  for (const [name, folder] of old.folders) {
    const other = ours.folders.get(name);
    if (folder.status === undefined || folder.status.uidValidity !== other?.status?.uidValidity) continue;
    const places = [
      { client: before, path: folder.path },
      { client: now, path: other.path },
    ] as const;
    const compared = await compareMessages(...places, mostMessages);
    messages += compared.messages;
    found.push(...compared.found.map((each) => ({ of: name, ...each })));
  }
  return { found, counts: { ...noCounts, accounts: 1, messages } };
}
