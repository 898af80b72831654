// Copies the mail of one account from a source to a target. What the journal has as done is not copied again; flags that its source has changed since are changed in the copy; what is gone at the
// source, and what the user has deleted in the target, stays as it is.
//
//   in the journal          in the target            a crash leaves
//   trying ids, uidNext     -                        nothing in the target; copied next time
//   the same                the messages             found next time by their hashes, among what came since uidNext
//   done                    the messages             -

import { describe, PermanentError } from '../../src/errors.js';
import { MailboxRefusal } from '../../src/stores/mailboxes/refusal.js';
import { flagChanges, flagText, parseFlagText } from '../flag-text.js';
import { storedTextHash } from '../text-hash.js';
import {
  type ListedMessage,
  LostConnection,
  type NewCopy,
  type Source,
  type SourceFolder,
  type Target,
  type TargetFolder,
  type Tell,
} from './ends.js';
import type { DoneMessage, FolderRecord, Journal } from './journal.js';

export interface CopyOptions {
  /** Which folders; all unless given. */
  readonly isWanted?: (folder: string) => boolean;
  /** Hears of what could not be copied. */
  readonly report: (folder: string, what: string, problem: string) => void;
  /** Hears of what is otherwise in the copy and no failure, of each once. */
  readonly note: Tell;
  readonly progress: (done: number, of: number) => void;
}

export interface CopyCounts {
  folders: number;
  /** Messages that were put in now, that were there already, whose flags were changed, that could not be copied. */
  copied: number;
  known: number;
  changed: number;
  failed: number;
}

/** How often a connection may be lost in one folder before the copy ends. */
const mostLosses = 20;

/** @throws TemporaryError and errors of either end that end the copy; it can be repeated at any time */
export async function copyAccount(
  source: Source,
  target: Target,
  journal: Journal,
  options: CopyOptions,
): Promise<CopyCounts> {
  const counts: CopyCounts = { folders: 0, copied: 0, known: 0, changed: 0, failed: 0 };
  const report: CopyOptions['report'] = (folder, what, problem) => {
    counts.failed++;
    options.report(folder, what, problem);
  };
  const noted = new Set<string>();
  const note: Tell = (folder, text) => {
    if (noted.has(text)) return;
    noted.add(text);
    options.note(folder, text);
  };
  const listed = await source.folders((place, problem) => report(place, '', problem), options.note);
  const names = listed.filter((name) => options.isWanted?.(name) ?? true);
  for (const name of names) {
    try {
      const { known, failed, copied } = counts;
      let copiedBefore = 0;
      for (let losses = 0; ; losses++) {
        try {
          await new FolderCopy(name, journal, counts, { ...options, report, note }).run(source, target);
          break;
        } catch (error) {
          if (!(error instanceof LostConnection) || losses === mostLosses) throw error;
          // All of the folder is gone through again.
          copiedBefore = counts.copied - copied;
          Object.assign(counts, { known, failed });
        }
      }
      counts.known -= copiedBefore;
      counts.folders++;
    } catch (error) {
      if (!(error instanceof PermanentError) || isFull(error)) throw error;
      report(name, '', error.message);
    }
  }
  const subscribed = (await source.subscriptions()).filter((name) => names.includes(name));
  for (const name of subscribed) {
    try {
      await target.subscribe(name);
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      report(name, '', `cannot be subscribed: ${error.message}`);
    }
  }
  return counts;
}

/** Further messages would not fit either. */
export function isFull(error: unknown): boolean {
  return error instanceof MailboxRefusal && error.code === 'OVERQUOTA';
}

interface Hashed extends NewCopy {
  readonly hash: string;
}

class FolderCopy {
  readonly #name: string;
  readonly #journal: Journal;
  readonly #record: FolderRecord;
  readonly #counts: CopyCounts;
  readonly #options: CopyOptions;
  /** By hash, UIDs of the target that may be a copy whose end is not known. */
  #there = new Map<string, number[]>();
  #done = 0;
  #total = 0;

  constructor(name: string, journal: Journal, counts: CopyCounts, options: CopyOptions) {
    this.#name = name;
    this.#journal = journal;
    this.#record = journal.folder(name);
    this.#counts = counts;
    this.#options = options;
  }

  async run(source: Source, target: Target): Promise<void> {
    const from = await source.open(this.#name);
    try {
      const into = await target.open(this.#name);
      try {
        await this.#copy(from, into, target.atOnce);
      } finally {
        await into.close();
      }
    } finally {
      await from.close();
    }
  }

  async #copy(from: SourceFolder, into: TargetFolder, atOnce: Target['atOnce']): Promise<void> {
    const record = this.#record;
    const { generation } = from;
    const { uidValidity } = into;
    if (record.generation !== generation || record.uidValidity !== uidValidity)
      this.#journal.add({ folder: this.#name, generation, uidValidity });
    await this.#lookForTried(into);
    this.#total = from.messages.length;
    const fresh: ListedMessage[] = [];
    for (const listed of from.messages) {
      const message = this.#asKept(listed, into);
      const done = record.done.get(message.id);
      if (done === undefined) fresh.push(message);
      else {
        this.#counts.known++;
        await this.#follow(into, message, done);
        this.#step();
      }
    }
    await this.#copyFresh(from, into, fresh, atOnce);
  }

  /** The message without keywords that it cannot have in the target. */
  #asKept(message: ListedMessage, into: TargetFolder): ListedMessage {
    const keywords = message.keywords.filter((keyword) => into.keeps(keyword));
    if (keywords.length === message.keywords.length) return message;
    for (const keyword of message.keywords)
      if (!keywords.includes(keyword)) this.#options.note(this.#name, `the keyword ${keyword} cannot be kept`);
    return { ...message, keywords };
  }

  /** Which of the target's messages may be those that were tried. */
  async #lookForTried(into: TargetFolder): Promise<void> {
    const { tried, done } = this.#record;
    if (tried.size === 0) return;
    const known = new Set([...done.values()].map(([, uid]) => uid));
    const lowest = [...tried.values()].reduce((least, uid) => Math.min(least, uid));
    for (const [hash, uids] of await into.hashes(lowest)) {
      const others = uids.filter((uid) => !known.has(uid));
      if (others.length > 0) this.#there.set(hash, others);
    }
  }

  async #follow(into: TargetFolder, message: ListedMessage, [id, uid, hash, flags]: DoneMessage): Promise<void> {
    const changes = flagChanges(parseFlagText(flags), message);
    if (changes === undefined) return;
    try {
      if (uid !== null) await into.change(uid, changes.added, changes.removed);
      this.#journal.add({ folder: this.#name, done: [[id, uid, hash, flagText(message)]] });
      this.#counts.changed++;
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      this.#options.report(this.#name, id, error.message);
    }
  }

  async #copyFresh(
    from: SourceFolder,
    into: TargetFolder,
    fresh: readonly ListedMessage[],
    atOnce: Target['atOnce'],
  ): Promise<void> {
    let batch: Hashed[] = [];
    let bytes = 0;
    let at = 0;
    for await (const text of from.texts(fresh)) {
      const message = fresh[at++];
      if (message === undefined) break;
      if (text instanceof Error) this.#options.report(this.#name, message.id, describe(text));
      if (text === undefined || text instanceof Error) {
        this.#step();
        continue;
      }
      const copy = { message, text, hash: storedTextHash(text) };
      if (this.#isThere(copy)) continue;
      batch.push(copy);
      bytes += text.length;
      if (batch.length < atOnce.messages && bytes < atOnce.bytes) continue;
      await this.#put(into, batch);
      [batch, bytes] = [[], 0];
    }
    if (batch.length > 0) await this.#put(into, batch);
  }

  /** Whether a message that is not done by its id is there all the same; then it is done now. */
  #isThere(copy: Hashed): boolean {
    const { tried, byHash } = this.#record;
    const uid = tried.has(copy.message.id) ? this.#there.get(copy.hash)?.shift() : undefined;
    const before = uid === undefined ? byHash.get(copy.hash)?.shift() : uid;
    if (before === undefined) return false;
    this.#counts.known++;
    this.#enter([copy], [before ?? undefined]);
    return true;
  }

  async #put(into: TargetFolder, batch: readonly Hashed[]): Promise<void> {
    const trying = batch.map(({ message }) => message.id);
    this.#journal.add({ folder: this.#name, trying, uidNext: await into.uidNext() });
    try {
      const uids = await into.append(batch);
      this.#counts.copied += batch.length;
      this.#enter(batch, uids);
    } catch (error) {
      if (!(error instanceof PermanentError) || isFull(error)) throw error;
      // One of them is refused, and only it is to be left out.
      if (batch.length > 1) for (const copy of batch) await this.#put(into, [copy]);
      else {
        this.#options.report(this.#name, trying[0] ?? '', error.message);
        this.#step();
      }
    }
  }

  #enter(batch: readonly Hashed[], uids: readonly (number | undefined)[]): void {
    const done = batch.map(
      ({ message, hash }, index): DoneMessage => [message.id, uids[index] ?? null, hash, flagText(message)],
    );
    this.#journal.add({ folder: this.#name, done });
    for (const _ of batch) this.#step();
  }

  #step(): void {
    this.#done++;
    this.#options.progress(this.#done, this.#total);
  }
}
