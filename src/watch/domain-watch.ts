// One domain's directory: what stood there at the last look, and what is otherwise now.
//
//   vpasswd, vpasswd.cdb     accounts (files/account-file.ts)
//   .qmail-*                 aliases (files/alias-files.ts)
//   .qmailadmin-limits       limits
//
// The first look only learns what stands there. A domain that users/cdb has just now begins with nothing known to be there, so that its accounts are events. For any other domain what
// happened between the start of the watch and the first look cannot be told; when a file says by its change time that something did, the first look tells `domain changed`.
//
// Kept for each domain: a few marks, a row for each account and alias (changes/table.ts), the limits that differ from none. No file and no line of one.
//
//   at a look                              counts as
//   the directory is gone                  nothing new: users/cdb decides whether the domain is removed
//   no user database where one was         nothing new: the domain is being removed
//   a file is unreadable or broken         nothing new, and trouble; the others are compared

import { isRacy, statusOf } from '../files/identity.js';
import { bytesPath, fileTrouble } from '../files/read.js';
import { type DomainLimits, parseDomainLimits } from '../formats/vpopmail/domain-limits.js';
import { domainFiles } from '../layout.js';
import { accountColumns, accountEvents } from './changes/accounts.js';
import { aliasColumns, aliasEvent, isDotQmail } from './changes/aliases.js';
import type { SharedTexts } from './changes/fingerprint.js';
import { limitChanges } from './changes/limits.js';
import { differingRows, emptyTable, type Table } from './changes/table.js';
import type { ChangeEvent } from './events.js';
import { type AccountVersion, accountsMark, readAccounts } from './files/account-file.js';
import { type AliasChoice, lookAtAliases } from './files/alias-files.js';
import { KeptFile } from './files/kept-file.js';
import { markOf, unsettled } from './files/version.js';
import type { Turn } from './pace.js';
import type { Interest, PlaceLook } from './place.js';

type Found = Pick<PlaceLook, 'events' | 'isUnsettled'>;

const limitsName = '.qmailadmin-limits';

/** What a change of a name in a domain's directory is about: `accounts`, `limits`, or the name of a `.qmail` file; undefined: nothing that matters here. */
export function interestIn(name: string): Interest | undefined {
  // The temporary files of a writer that is at work prolong the waiting for it.
  if (name.startsWith('vpasswd') || name === 'cdb.tmp' || name === '.vpasswd.lock') return 'accounts';
  if (name === limitsName) return 'limits';
  return isDotQmail(name) ? name : undefined;
}

export interface DomainWatchOptions {
  readonly name: string;
  /** Disk path. */
  readonly directory: string;
  readonly texts: SharedTexts;
  /** Whether users/cdb has it just now: all that is in it is new. */
  readonly isNew: boolean;
  /** When the watch began, wall clock. */
  readonly sinceMs: number;
}

export class DomainWatch {
  readonly name: string;
  readonly #texts: SharedTexts;
  readonly #sinceMs: number;
  readonly #limits: KeptFile<DomainLimits>;
  #directory: string;
  #directoryMark = unsettled;
  #accounts: AccountVersion | undefined;
  #aliases: Table | undefined;
  #isKnown: boolean;

  constructor({ name, directory, texts, isNew, sinceMs }: DomainWatchOptions) {
    this.name = name;
    this.#directory = directory;
    this.#texts = texts;
    this.#sinceMs = sinceMs;
    this.#limits = new KeptFile(domainFiles.limits(directory), parseLimits);
    this.#isKnown = isNew;
    if (isNew) [this.#accounts, this.#aliases] = [noAccounts(), emptyTable(aliasColumns)];
  }

  get directory(): string {
    return this.#directory;
  }

  /** Whether it is known what stood there. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  get accountCount(): number {
    return this.#accounts?.accounts.size ?? 0;
  }

  /** Memory that accounts and aliases take. */
  get bytes(): number {
    return (this.#accounts?.accounts.bytes ?? 0) + (this.#aliases?.bytes ?? 0);
  }

  /** Goes on with another directory, which is compared with what stood in this one. */
  moveTo(directory: string): void {
    this.#directory = directory;
    this.#directoryMark = unsettled;
    if (this.#accounts !== undefined) this.#accounts = { ...this.#accounts, mark: unsettled };
    this.#limits.moveTo(domainFiles.limits(directory));
  }

  /** Compares with what stands there now. Not to be called again before it has ended. Does not throw. */
  async look(interests: ReadonlySet<Interest>, turn: Turn): Promise<PlaceLook> {
    const troubles: unknown[] = [];
    try {
      const status = statusOf(bytesPath(this.#directory));
      if (status === undefined) return { events: [], isUnsettled: false, troubles, directory: undefined };
      const directory = `${status.dev}:${status.ino}`;
      const mark = isRacy(status, Date.now()) ? unsettled : markOf(status);
      const isWhole = !this.#isKnown || interests.has('everything');
      const choice = isWhole && mark === this.#directoryMark && mark !== unsettled ? 'known' : 'listed';
      const found = this.#isKnown
        ? await this.#compare(isWhole ? 'everything' : interests, choice, troubles, turn)
        : await this.#learn(Number(status.ctimeMs), troubles, turn);
      if (isWhole && troubles.length === 0) this.#directoryMark = mark;
      return { ...found, troubles, directory };
    } catch (error) {
      return { events: [], isUnsettled: false, troubles: [...troubles, fileTrouble(error)], directory: undefined };
    }
  }

  /** The first look. */
  async #learn(directoryCtimeMs: number, troubles: unknown[], turn: Turn): Promise<Found> {
    const accounts = await readAccounts(this.#directory, undefined, this.#texts, turn);
    const aliases = await lookAtAliases(this.#directory, undefined, 'listed', turn);
    const limitsCtimeMs = this.#lookAtLimits().ctimeMs;
    if (aliases.trouble !== undefined) troubles.push(aliases.trouble);
    this.#accounts = accounts ?? noAccounts();
    this.#aliases = aliases.aliases;
    this.#isKnown = true;
    const changedMs = Math.max(directoryCtimeMs, accounts?.ctimeMs ?? 0, aliases.changedMs, limitsCtimeMs);
    const isUnsettled = accounts?.mark === unsettled || aliases.isUnsettled || this.#limits.isUnsettled;
    const events: ChangeEvent[] = changedMs >= this.#sinceMs ? [{ event: 'domain changed', domain: this.name }] : [];
    return { events, isUnsettled };
  }

  async #compare(
    interests: ReadonlySet<Interest> | 'everything',
    choice: AliasChoice,
    troubles: unknown[],
    turn: Turn,
  ): Promise<Found> {
    const has = (interest: Interest): boolean => interests === 'everything' || interests.has(interest);
    const events: ChangeEvent[] = [];
    let isUnsettled = false;
    const attempt = async (act: () => Promise<boolean> | boolean): Promise<void> => {
      try {
        if (await act()) isUnsettled = true;
      } catch (error) {
        troubles.push(error);
      }
    };
    const mark = accountsMark(this.#directory);
    if (mark === undefined && this.accountCount > 0) return { events, isUnsettled };
    if (has('accounts') && mark !== undefined && (mark !== this.#accounts?.mark || mark === unsettled))
      await attempt(() => this.#compareAccounts(events, turn));
    if (has('limits')) await attempt(() => this.#compareLimits(events));
    const files = interests === 'everything' ? choice : new Set([...interests].filter(isDotQmail));
    if (typeof files !== 'object' || files.size > 0)
      await attempt(() => this.#compareAliases(files, events, troubles, turn));
    return { events, isUnsettled };
  }

  async #compareAccounts(events: ChangeEvent[], turn: Turn): Promise<boolean> {
    const before = this.#accounts ?? noAccounts();
    const now = await readAccounts(this.#directory, before, this.#texts, turn);
    if (now === undefined) return false;
    for (const row of differingRows(before.accounts, now.accounts, now.common)) {
      if (row === undefined) await turn();
      else events.push(...accountEvents(this.name, before.accounts, now.accounts, row, this.#texts));
    }
    this.#accounts = now;
    return now.mark === unsettled;
  }

  #compareLimits(events: ChangeEvent[]): boolean {
    const { before, after } = this.#lookAtLimits();
    const changes = limitChanges(before, after);
    if (changes.length > 0) events.push({ event: 'limits changed', domain: this.name, changes });
    return this.#limits.isUnsettled;
  }

  async #compareAliases(choice: AliasChoice, events: ChangeEvent[], troubles: unknown[], turn: Turn): Promise<boolean> {
    const before = this.#aliases ?? emptyTable(aliasColumns);
    const now = await lookAtAliases(this.#directory, before, choice, turn);
    for (const row of differingRows(before, now.aliases)) {
      const event = row === undefined ? undefined : aliasEvent(this.name, before, now.aliases, row);
      if (event !== undefined) events.push(event);
    }
    this.#aliases = now.aliases;
    if (now.trouble !== undefined) troubles.push(now.trouble);
    return now.isUnsettled;
  }

  #lookAtLimits(): { before: DomainLimits | undefined; after: DomainLimits | undefined; ctimeMs: number } {
    const kept = this.#limits.value;
    const change = this.#limits.look();
    return { before: kept, after: this.#limits.value, ctimeMs: change?.ctimeMs ?? 0 };
  }
}

/** Before anything was read. */
function noAccounts(): AccountVersion {
  return { accounts: emptyTable(accountColumns), mark: unsettled, ctimeMs: 0 };
}

function parseLimits({ bytes }: { readonly bytes: Buffer }): DomainLimits {
  return parseDomainLimits(bytes);
}
