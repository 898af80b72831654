// Adds very many accounts: for each domain one lock and one rewrite of vpasswd and its cdb, whatever their number.
//
//   without the lock   passwords are hashed; the directories are made where nobody looks, and made durable with one call (files/file-system-sync.ts)
//   under the lock     names that came into being meanwhile are left out; .dir-control; vpasswd and cdb are renamed; the directories are renamed into their places
//
//   killed             leaves of each domain
//   before vpasswd     nothing; what was made is removed by the next writer
//   after it           all of its accounts; a directory that is not in its place yet is made by its next login or delivery
//
// The lock is held for seconds at 100,000 accounts, so the originals, which wait 18 seconds, get their turn. Each account that is refused is told with its reason; the
// others are added. Trouble (a full disk) ends the work at a domain, and nothing is left of that domain's.

import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { syncFileSystem } from '../../files/file-system-sync.js';
import { readIfPresent } from '../../files/read.js';
import type { VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { insertRecords, nameOfLine, parseVpasswdText, type VpasswdText } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { makeHashDirectory, planUserDirectories } from '../../stores/accounts/dir-control-file.js';
import { withAccounts } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { isTaken, removeUnfinished, StagedDirectories } from '../account-directory.js';
import { VpopmailError } from '../vpopmail-error.js';
import { isForbiddenName, longestLine } from './account-rules.js';
import { type AccountStyle, Hasher, styleOf } from './account-style.js';
import { domainToChange } from './domain-access.js';
import {
  type AddUserRequest,
  checkRequest,
  limitsOf,
  type NewAccount,
  placedRecord,
  prepareAccount,
  schemeOf,
} from './new-account.js';

/** An account that was not added. `index` is its place in the list. */
export interface RefusedAccount {
  readonly index: number;
  readonly reason: VpopmailError;
}

export interface AddUsersOptions {
  /** Told now and then how far the work is, in accounts. */
  readonly onProgress?: (done: number) => void;
  /** Told of each refusal as it is found. */
  readonly onRefused?: (refused: RefusedAccount) => void;
}

interface Candidate {
  readonly index: number;
  readonly account: NewAccount;
}

const hashedAtOnce = 64;
const stepsInARow = 200;

/**
 * Adds accounts.
 * @returns how many were added
 * @throws TemporaryError, AccountsBusyError; the domains before the one at which it was thrown have their accounts
 */
export async function addUsers(
  host: Host,
  requests: readonly AddUserRequest[],
  options: AddUsersOptions = {},
): Promise<number> {
  const work = new Work(host, options);
  const byDomain = new Map<string, number[]>();
  for (const [index, { domain }] of requests.entries()) {
    const name = lower(domain);
    const indexes = byDomain.get(name);
    if (indexes === undefined) byDomain.set(name, [index]);
    else indexes.push(index);
  }
  for (const [name, indexes] of byDomain) await work.addTo(name, requests, indexes);
  return work.added;
}

class Work {
  added = 0;
  readonly #host: Host;
  readonly #options: AddUsersOptions;
  readonly #hasher = new Hasher();
  #steps = 0;
  #done = 0;

  constructor(host: Host, options: AddUsersOptions) {
    this.#host = host;
    this.#options = options;
  }

  async addTo(domainName: string, requests: readonly AddUserRequest[], indexes: readonly number[]): Promise<void> {
    const found = this.#try(indexes, () => {
      const domain = domainToChange(this.#host, domainName);
      return { domain, limits: limitsOf(domain) };
    });
    if (found === undefined) return;
    const { domain, limits } = found;
    await removeUnfinished(domain);
    const existing = namesIn(readAccounts(domain));
    const candidates: Candidate[] = [];
    const styles = new Map<string | undefined, AccountStyle>();
    for (let at = 0; at < indexes.length; at += hashedAtOnce) {
      const prepared = indexes.slice(at, at + hashedAtOnce).map((index) =>
        this.#tryOne(index, async () => {
          const request = requests[index] as AddUserRequest;
          checkRequest(request);
          const name = lower(request.name);
          if (isForbiddenName(name)) throw new VpopmailError('illegalUsername');
          if (existing.has(name)) throw new VpopmailError('usernameExists');
          existing.add(name);
          const scheme = schemeOf(request.secret);
          const style = styles.get(scheme) ?? styleOf(this.#host, domain, scheme);
          styles.set(scheme, style);
          return { index, account: await prepareAccount(request, limits, style, this.#hasher) };
        }),
      );
      for (const candidate of await Promise.all(prepared)) if (candidate !== undefined) candidates.push(candidate);
      this.#progress(prepared.length / 2);
    }
    if (candidates.length > 0) await this.#addPrepared(domain, candidates);
  }

  async #addPrepared(domain: Domain, candidates: readonly Candidate[]): Promise<void> {
    const { directories, commit } = planUserDirectories(domain, candidates.length);
    const hashes = new Set(directories);
    for (const hash of hashes) await makeHashDirectory(domain, hash);
    const longest = longestLine(readAccounts(domain));
    const staged = StagedDirectories.create(domain);
    try {
      const records: VpasswdRecord[] = [];
      const indexes = new Map<string, { index: number; target: string }>();
      for (const [at, { index, account }] of candidates.entries()) {
        const hash = directories[at] ?? '';
        const target = path.join(domain.directory, hash, account.name);
        const record = await this.#tryOne(index, () => {
          if (isTaken(target)) throw new VpopmailError('userDirectoryExists');
          const placed = placedRecord(account, domain, hash, longest);
          staged.make(account.name, account.quota);
          return placed;
        });
        await this.#turn();
        this.#progress(0.5);
        if (record === undefined) continue;
        records.push(record);
        indexes.set(account.name, { index, target });
      }
      await syncFileSystem(domain.directory);
      await withAccounts(domain, async (accounts) => {
        const existing = namesIn(accounts.text);
        const fresh = records.filter(({ name }) => !existing.has(name));
        for (const { name } of records) {
          if (existing.has(name)) this.#refuse(indexes.get(name)?.index ?? 0, new VpopmailError('usernameExists'));
        }
        const prepared = await accounts.prepare(insertRecords(accounts.text, fresh));
        try {
          await commit();
        } catch (error) {
          await prepared.abandon();
          throw error;
        }
        await prepared.commit();
        this.added += fresh.length;
        for (const { name } of fresh) {
          staged.move(name, indexes.get(name)?.target ?? '');
          await this.#turn();
        }
      });
      await syncFileSystem(domain.directory);
    } finally {
      await staged.discard();
    }
  }

  /** Does the first thing for many accounts; a refusal is that of all. */
  #try<T>(indexes: readonly number[], act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof VpopmailError)) throw error;
      for (const index of indexes) this.#refuse(index, error);
      return undefined;
    }
  }

  async #tryOne<T>(index: number, act: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof VpopmailError)) throw error;
      this.#refuse(index, error);
      return undefined;
    }
  }

  #refuse(index: number, reason: VpopmailError): void {
    this.#options.onRefused?.({ index, reason });
  }

  #progress(steps: number): void {
    this.#done += steps;
    this.#options.onProgress?.(this.#done);
  }

  async #turn(): Promise<void> {
    if (++this.#steps % stepsInARow === 0) await nextTurn();
  }
}

function readAccounts(domain: Domain): VpasswdText {
  return parseVpasswdText(readIfPresent(domainFiles.vpasswd(domain.directory)) ?? Buffer.alloc(0));
}

function namesIn({ lines }: VpasswdText): Set<string> {
  const names = new Set<string>();
  for (const line of lines) {
    const name = nameOfLine(line);
    if (name !== undefined) names.add(name);
  }
  return names;
}
