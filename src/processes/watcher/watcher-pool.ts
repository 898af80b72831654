// The watchers as the supervisor keeps them: one of vpopmail:vchkpw, which also says who else owns domains, and one for each of those owners (processes/watcher/watcher-process.ts). The supervisor
// itself reads no file of any domain.
//
// A watcher that ends is replaced after a pause, longer each time. What changed meanwhile the next one tells as far as it can (`domain changed`), and all open sessions are looked at, so
// that none stays which should have ended.
//
// An owner counts only when users/cdb gives it a domain, and root never does. More owners than `mostOwners` are not watched, which the log says: each costs a process.

import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import { ownsMail } from '../agents/agent-pool.js';
import { Child } from '../child.js';
import type { FromChild } from '../messages.js';
import type { Ids } from '../ownership.js';
import { type Consequences, follow } from './consequences.js';

export interface WatcherPoolOptions {
  readonly settings: Settings;
  readonly host: Host;
  /** Whose the first watcher is. */
  readonly owner: Ids;
  readonly log: Log;
  readonly consequences: Consequences;
}

interface Watcher {
  readonly owner: Ids;
  readonly ofHost: boolean;
  child: Child;
  startedAt: number;
  pauseMs: number;
}

const mostOwners = 8;
const firstPauseMs = 500;
const longestPauseMs = 60_000;
/** A watcher that lived so long is replaced soon. */
const steadyMs = 60_000;
/** What a watcher had seen but not told when it ended, and what a new owner's domain was made with, happened within this time. */
const lookBackMs = 5000;
const graceMs = 2000;

export class WatcherPool {
  readonly #options: WatcherPoolOptions;
  readonly #watchers = new Map<string, Watcher>();
  readonly #ending = new Set<Child>();
  #isDraining = false;
  /** When the watch began; undefined once it is known who owned domains then. */
  #sinceMs: number | undefined;

  constructor(options: WatcherPoolOptions) {
    this.#options = options;
  }

  /** Starts the first watcher. */
  start(): void {
    const now = Date.now();
    this.#sinceMs = now;
    this.#add(this.#options.owner, true, now);
  }

  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    for (const key of [...this.#watchers.keys()]) this.#end(key, ms);
    await Promise.all([...this.#ending].map((child) => child.endWithin(ms + graceMs)));
  }

  kill(): void {
    this.#isDraining = true;
    for (const child of [...[...this.#watchers.values()].map((watcher) => watcher.child), ...this.#ending])
      child.kill();
  }

  #add(owner: Ids, ofHost: boolean, sinceMs: number): void {
    const child = this.#startChild(owner, ofHost, sinceMs);
    const watcher: Watcher = { owner, ofHost, child, startedAt: performance.now(), pauseMs: firstPauseMs };
    this.#watchers.set(keyOf(owner), watcher);
  }

  #startChild(owner: Ids, ofHost: boolean, sinceMs: number): Child {
    const { settings } = this.#options;
    const child: Child = new Child(
      'watcher',
      { type: 'begin', settings, owner, watch: { ofHost, sinceMs } },
      {
        hear: (message) => this.#hear(ofHost, message),
        ended: (how) => this.#ended(owner, child, how),
      },
    );
    return child;
  }

  #hear(ofHost: boolean, message: FromChild): void {
    if (message.type === 'owners' && ofHost) this.#followOwners(message.owners);
    if (message.type !== 'changed') return;
    follow(message.events, this.#options.consequences);
    if (!ofHost) this.#watchers.get(keyOf(this.#options.owner))?.child.send(message);
  }

  #followOwners(owners: readonly Ids[]): void {
    if (this.#isDraining) return;
    const { owner, log } = this.#options;
    const mayBe = owners.filter((other) => keyOf(other) !== keyOf(owner) && this.#mayOwn(other));
    const wanted = mayBe.slice(0, mostOwners);
    const unwatched = owners.length - wanted.length;
    if (unwatched > 0)
      log.warning(`watch: domains of ${unwatched} owners are not watched (root, unknown in users/cdb, or too many)`);
    const keys = new Set(wanted.map(keyOf));
    for (const [key, { ofHost }] of this.#watchers) if (!ofHost && !keys.has(key)) this.#end(key, 0);
    for (const other of wanted)
      if (!this.#watchers.has(keyOf(other))) this.#add(other, false, this.#sinceMs ?? Date.now() - lookBackMs);
    this.#sinceMs = undefined;
  }

  #mayOwn(owner: Ids): boolean {
    try {
      return ownsMail(this.#options.host, owner);
    } catch (error) {
      this.#options.log.warning(`watch: whether uid ${owner.uid} owns domains cannot be told: ${describe(error)}`);
      return false;
    }
  }

  #end(key: string, ms: number): void {
    const watcher = this.#watchers.get(key);
    this.#watchers.delete(key);
    if (watcher === undefined) return;
    this.#ending.add(watcher.child);
    watcher.child.send({ type: 'drain', ms });
  }

  #ended(owner: Ids, child: Child, how: string): void {
    this.#ending.delete(child);
    const watcher = this.#watchers.get(keyOf(owner));
    if (this.#isDraining || watcher?.child !== child) return;
    const endedMs = Date.now();
    if (performance.now() - watcher.startedAt > steadyMs) watcher.pauseMs = firstPauseMs;
    const { pauseMs } = watcher;
    watcher.pauseMs = Math.min(2 * pauseMs, longestPauseMs);
    this.#options.log.alert(`watcher ${child.pid} ended with ${how}; another starts in ${pauseMs} ms`);
    setTimeout(() => {
      if (this.#isDraining || this.#watchers.get(keyOf(owner)) !== watcher) return;
      watcher.child = this.#startChild(owner, watcher.ofHost, endedMs - lookBackMs);
      watcher.startedAt = performance.now();
      this.#options.consequences.recheck('all');
    }, pauseMs);
  }
}

function keyOf({ uid, gid }: Ids): string {
  return `${uid}:${gid}`;
}
