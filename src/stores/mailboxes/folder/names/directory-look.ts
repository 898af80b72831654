// Whether new/ or cur/ of a mailbox has changed since its names were read: by its modification and change time in nanoseconds, device and inode.
//
// A change in the same tick of the kernel's clock as the change before it does not show in the times. So a look that was made within `racyMs` of the last change is not relied on (on file
// systems with whole seconds: within a second and a tick).
//
// What we change ourselves, under the lock, changes the times too. Then the new times are taken over, and the names are not read again; a change by others in just that moment would be
// missed, so the look is `suspect`, and is made again once that is cheap in comparison: a directory of 100,000 names is not read after each change of a flag. A look within `racyMs` of a change
// of ours is suspect too, and no more: while one message after the other is put here, the names are not read for each.

import fs from 'node:fs';
import { type Identity, racyMs, sameIdentity } from '../../../../files/identity.js';
import { bytesPath, fileTrouble } from '../../../../files/read.js';
import { mailboxFiles } from '../../../../layout.js';

/** A suspect look is made again after this many times as long as a look takes. */
const patience = 20;
const leastPatienceMs = racyMs + 5;
const secondMs = 1_000;

export class DirectoryLook {
  readonly #path: string | Buffer;
  #identity: Identity | undefined;
  /** After our last change. */
  #ours: Identity | undefined;
  #isRacy = true;
  #isSuspect = false;
  #lookedAtMs = 0;
  #changedAtMs = 0;
  #lookMs = 0;

  /** @param directory disk path of the mailbox */
  constructor(directory: string, part: 'new' | 'cur') {
    this.#path = bytesPath(mailboxFiles.part(directory, part));
  }

  /** Whether the names must be read. Costs a stat. @throws TemporaryError; `missing` when the directory is not there */
  state(nowMs: number): 'known' | 'unknown' | 'missing' {
    const identity = this.#stat();
    if (identity === undefined) return 'missing';
    if (this.#identity === undefined || !sameIdentity(identity, this.#identity)) return 'unknown';
    if (this.#isRacy) return 'unknown';
    return this.#isSuspect && nowMs >= this.#suspectUntilMs ? 'unknown' : 'known';
  }

  /** When the names are to be read again although nothing tells that they have changed; undefined when they need not. */
  get recheckAtMs(): number | undefined {
    if (this.#isRacy) return this.#lookedAtMs + leastPatienceMs;
    return this.#isSuspect ? this.#suspectUntilMs : undefined;
  }

  get #suspectUntilMs(): number {
    return this.#changedAtMs + Math.max(leastPatienceMs, patience * this.#lookMs);
  }

  /** Before the names are read. @returns what to call when they were: whether the look was exact, so that what it did not see is not there @throws TemporaryError */
  begin(nowMs: number): () => boolean {
    const before = this.#stat();
    const startMs = performance.now();
    return () => {
      const after = this.#stat();
      const isSame = before !== undefined && after !== undefined && sameIdentity(before, after);
      const isSettledBefore = before !== undefined && isSettled(before, nowMs);
      const isOurs = before !== undefined && this.#ours !== undefined && sameIdentity(before, this.#ours);
      this.#identity = before;
      this.#isRacy = !isSettledBefore && !isOurs;
      this.#isSuspect = !isSettledBefore && isOurs;
      this.#lookedAtMs = nowMs;
      this.#changedAtMs = nowMs;
      this.#lookMs = performance.now() - startMs;
      return isSame && isSettledBefore;
    };
  }

  /** After names were changed by us. @param wasKnown whether `state` was `known` right before @throws TemporaryError */
  changedByUs(nowMs: number, wasKnown: boolean): void {
    this.#ours = this.#stat();
    this.#identity = wasKnown ? this.#ours : undefined;
    if (!wasKnown) return;
    // From the first of a row of changes on.
    if (!this.#isSuspect) this.#changedAtMs = nowMs;
    this.#isSuspect = true;
  }

  /** The names must be read next time. */
  forget(): void {
    this.#identity = undefined;
  }

  /** The same, if our last change may have hidden one of others. */
  forgetIfSuspect(): void {
    if (this.#isSuspect) this.forget();
  }

  #stat(): Identity | undefined {
    try {
      return fs.statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}

/** Whether a later change would show. */
function isSettled({ mtimeNs, ctimeNs }: Identity, nowMs: number): boolean {
  const hasFineTimes = mtimeNs % 1_000_000_000n !== 0n || ctimeNs % 1_000_000_000n !== 0n;
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return Number(newest / 1_000_000n) < nowMs - racyMs - (hasFineTimes ? 0 : secondMs);
}
