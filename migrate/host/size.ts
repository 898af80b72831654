// How big the host is: accounts, aliases, Maildirs with their folders, messages and their bytes, and how passwords are kept. Sizes are those in the file names
// (`,S=`), else the files', so a tree of a million messages is counted by names alone where vpopmail or Dovecot delivered them.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { schemeOfHash } from '../../src/auth/new-password.js';
import { namesIn } from '../../src/files/list.js';
import { bytesPath } from '../../src/files/read.js';
import { isMessageName, parseMaildirBase, parseMaildirName } from '../../src/formats/maildir/maildir-name.js';
import { accountFiles, mailboxFiles } from '../../src/layout.js';
import { listedDomains } from '../../src/stores/accounts/domain-list.js';
import { accountsOf } from '../../src/stores/accounts/enumeration.js';
import { aliasNames } from '../../src/stores/domains/aliases.js';
import { listFolders } from '../../src/stores/mailboxes/account/folder-directories.js';
import type { Looker } from './part.js';

export interface Counts {
  readonly accounts: number;
  readonly aliases: number;
  readonly maildirs: number;
  readonly folders: number;
  readonly messages: number;
  readonly bytes: number;
  readonly clearPasswords: number;
  /** Accounts by the scheme of their hash. */
  readonly hashes: Readonly<Record<string, number>>;
}

export interface DomainSize extends Counts {
  readonly name: string;
  readonly aliasDomains: readonly string[];
  /** A host path. */
  readonly directory: string;
}

export interface HostSize {
  readonly domains: readonly DomainSize[];
  readonly total: Counts;
}

type Mutable = { -readonly [key in keyof Counts]: key extends 'hashes' ? Record<string, number> : Counts[key] };

const nothing = (): Mutable => ({
  accounts: 0,
  aliases: 0,
  maildirs: 0,
  folders: 0,
  messages: 0,
  bytes: 0,
  clearPasswords: 0,
  hashes: {},
});

/** @param progress is told how many domains are done of how many */
export async function hostSize(
  looker: Looker,
  progress: (done: number, of: number) => void = () => {},
): Promise<HostSize> {
  const all = listedDomainsOrNone(looker);
  const real = all.filter(({ name, realName }) => name === realName);
  const domains: DomainSize[] = [];
  for (const [index, place] of real.entries()) {
    progress(index, real.length);
    const aliasDomains = all
      .filter(({ name, realName }) => realName === place.name && name !== realName)
      .map(({ name }) => name);
    domains.push({
      name: place.name,
      aliasDomains,
      directory: place.hostDirectory,
      ...(await domainCounts(looker, place)),
    });
  }
  progress(real.length, real.length);
  return { domains, total: domains.reduce(sum, nothing()) };
}

function listedDomainsOrNone(looker: Looker): ReturnType<typeof listedDomains> & object {
  try {
    return listedDomains(looker.layout) ?? [];
  } catch (error) {
    looker.trouble(looker.layout.assign, error);
    return [];
  }
}

async function domainCounts(
  looker: Looker,
  place: (ReturnType<typeof listedDomains> & object)[number],
): Promise<Counts> {
  const counts = nothing();
  try {
    counts.aliases = (await aliasNames(place)).length;
    for (const { passwd, dir, clearPasswd } of accountsOf(place)) {
      counts.accounts++;
      if (clearPasswd.replace(/\r$/, '') !== '') counts.clearPasswords++;
      const scheme = passwd === '' ? 'none' : (schemeOfHash(passwd) ?? 'unusable');
      counts.hashes[scheme] = (counts.hashes[scheme] ?? 0) + 1;
      if (dir !== '') await countMaildir(looker, accountFiles.maildir(looker.layout.disk(dir)), counts);
    }
  } catch (error) {
    looker.trouble(place.directory, error);
  }
  return counts;
}

async function countMaildir(looker: Looker, maildir: string, counts: Mutable): Promise<void> {
  if (!looker.status(maildir)?.isDirectory()) return;
  await nextTurn();
  try {
    counts.maildirs++;
    const folders = listFolders(maildir);
    counts.folders += folders.length;
    for (const directory of [maildir, ...folders.map((folder) => folder.directory)])
      for (const part of ['new', 'cur'] as const) countMessages(mailboxFiles.part(directory, part), counts);
  } catch (error) {
    looker.trouble(maildir, error);
  }
}

function countMessages(directory: string, counts: Mutable): void {
  for (const name of namesIn(directory)) {
    if (!isMessageName(name)) continue;
    counts.messages++;
    const named = parseMaildirBase(parseMaildirName(name).base).sizeBytes;
    counts.bytes += named ?? fs.statSync(bytesPath(`${directory}/${name}`), { throwIfNoEntry: false })?.size ?? 0;
  }
}

function sum(total: Mutable, each: Counts): Mutable {
  for (const key of ['accounts', 'aliases', 'maildirs', 'folders', 'messages', 'bytes', 'clearPasswords'] as const)
    total[key] += each[key];
  for (const [scheme, count] of Object.entries(each.hashes)) total.hashes[scheme] = (total.hashes[scheme] ?? 0) + count;
  return total;
}
