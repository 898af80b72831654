// Whether accounts of this host have clear passwords: only then are the mechanisms offered that need one (CRAM-MD5, DIGEST-MD5, SCRAM), since a client that finds them in the list uses
// them, and without a clear password always fails.
//
// It is looked for in vpasswd of one domain after the other until an account is found that has one. That domain is remembered, and as long as its file is what it was, one stat is
// the answer. When none has any, each file is looked at again when it is another one. A host with clear passwords is known at once; one without costs a stat for each domain, every
// ten seconds (less often where that takes long), and at once when the watcher saw a change.
//
//   vpasswd absent, unreadable, of another uid      says nothing
//   longer than 1 MiB                               the beginning stands for the whole

import fs from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type Identity, isRacy, sameIdentity, statusOf } from '../files/identity.js';
import { bytesPath, openIfPresent, readAt, regularStatus } from '../files/read.js';
import { domainFiles, type Layout } from '../layout.js';
import { listedDomains } from '../stores/accounts/domain-list.js';

const sampleBytes = 1024 * 1024;
const lookAgainMs = 10_000;
/** A look may take this part of the time. */
const shareOfTime = 0.01;
const firstLookMs = 200;

interface Seen {
  readonly identity: Identity;
  readonly hasClear: boolean;
}

export class ClearPasswords {
  readonly #layout: Layout;
  readonly #onChange: (areStored: boolean) => void;
  /** By the path of vpasswd. */
  #seen = new Map<string, Seen>();
  #areStored = false;
  #example: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  /** Looks for a moment; goes on with `watch`. @param onChange is told when the answer is another one */
  constructor(layout: Layout, onChange: (areStored: boolean) => void = () => {}) {
    this.#layout = layout;
    const untilMs = performance.now() + firstLookMs;
    for (const path of this.#paths()) {
      if (this.#look(path) || performance.now() > untilMs) break;
    }
    this.#areStored = this.#example !== undefined;
    this.#onChange = onChange;
  }

  /** Whether there are any. */
  get areStored(): boolean {
    return this.#areStored;
  }

  /** Looks again from time to time, beginning now. */
  watch(): void {
    void this.lookAgain();
  }

  /** Looks again; resolves when that is done. Never rejects. */
  lookAgain(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Looks no more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #lookAtAll(): Promise<void> {
    const startMs = performance.now();
    clearTimeout(this.#timer);
    if (this.#example === undefined || !this.#look(this.#example)) await this.#findExample();
    const areStored = this.#example !== undefined;
    if (areStored !== this.#areStored && !this.#isClosed) {
      this.#areStored = areStored;
      this.#onChange(areStored);
    }
    if (this.#isClosed) return;
    const tookMs = performance.now() - startMs;
    this.#timer = setTimeout(() => void this.lookAgain(), Math.max(lookAgainMs, tookMs / shareOfTime)).unref();
  }

  async #findExample(): Promise<void> {
    this.#example = undefined;
    const paths = this.#paths();
    let count = 0;
    for (const path of paths) {
      if (this.#isClosed || this.#look(path)) return;
      if (++count % 50 === 0) await turn();
    }
    const listed = new Set(paths);
    for (const path of this.#seen.keys()) if (!listed.has(path)) this.#seen.delete(path);
  }

  #paths(): string[] {
    try {
      const directories = (listedDomains(this.#layout) ?? []).map(({ directory }) => directory);
      return [...new Set(directories)].map((directory) => domainFiles.vpasswd(directory));
    } catch {
      // Whoever looks a domain up tells this trouble.
      return [];
    }
  }

  /** Whether an account of this file has a clear password. It is the example then. */
  #look(path: string): boolean {
    const [identity, nowMs] = [identityIfReadable(path), Date.now()];
    const seen = this.#seen.get(path);
    const isSame = identity !== undefined && seen !== undefined && sameIdentity(seen.identity, identity);
    const hasClear = isSame ? seen.hasClear : identity !== undefined && hasClearPassword(path);
    if (identity === undefined || isRacy(identity, nowMs)) this.#seen.delete(path);
    else if (!isSame) this.#seen.set(path, { identity, hasClear });
    if (hasClear) this.#example = path;
    return hasClear;
  }
}

function identityIfReadable(path: string): Identity | undefined {
  try {
    const status = statusOf(bytesPath(path));
    if (status === undefined) return undefined;
    const { dev, ino, size, mtimeNs, ctimeNs } = status;
    return { dev, ino, size, mtimeNs, ctimeNs };
  } catch {
    return undefined;
  }
}

/** A record with a hash and something in the eighth field. */
const clearRecord = /^[^:\n]+:[^:\n]+:(?:[^:\n]*:){5}[^\r\n]/m;

function hasClearPassword(path: string): boolean {
  try {
    const fd = openIfPresent(bytesPath(path));
    if (fd === undefined) return false;
    try {
      const size = Number(regularStatus(fd, path).size);
      return clearRecord.test(readAt(fd, 0, Math.min(sampleBytes, size)).toString('latin1'));
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Whoever looks an account up tells this trouble.
    return false;
  }
}
