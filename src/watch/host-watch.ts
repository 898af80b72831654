// The watcher of a host: hears of changes, looks at the files, compares, and tells what is otherwise. It brings consequences; no answer of any server depends on it.
//
//   a hint (kernel/)  ->  a short quiet time  ->  a look (domain-watch.ts, host-files.ts)  ->  events
//
// A hint only says where to look. Looks also come without hints: every place that has no kernel watch is looked at again and again (polling: by option, where the kernel has no more watches, where a
// directory is missing), and all places in a slow round, which makes good what no hint came for.
//
// Start: the files of the whole host are learned at once (they are few), the domains one after the other in slices, so that ten thousand of them hold up nothing. First a
// directory's watch, then what stands in it, so nothing is lost between. A domain that changed since the watch began but before it was learned is told as `domain changed`: what it was
// before, nobody knows. `complete` says that all are learned.
//
//   directory                    is watched by
//   is there                     one kernel watch, whatever is in it
//   is replaced by another       the old watch dies with it; the next look sees another inode and watches that
//   vanishes                     polling until it is there again; users/cdb alone removes a domain
//   cannot be entered            polling; one log line
//
// Which domains: those of users/cdb, wherever their directories are; with a `scope` those of one owner.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from '../errors.js';
import { statusOf } from '../files/identity.js';
import { bytesPath } from '../files/read.js';
import type { Layout } from '../layout.js';
import type { Log } from '../log.js';
import type { AssignedDomain } from './changes/assignments.js';
import { SharedTexts } from './changes/fingerprint.js';
import { DomainWatch, interestIn } from './domain-watch.js';
import type { ChangeEvent } from './events.js';
import { HostFiles, type HostPart, troubleText } from './host-files.js';
import {
  type DirectoryEvents,
  type DirectoryListener,
  directoryEvents,
  type OpenWatch,
} from './kernel/directory-events.js';
import { fixedDirectoryEvents } from './kernel/fixed-directories.js';
import { type Turn, turns } from './pace.js';
import { everything, Place, type PlaceLook, type PlaceSurroundings } from './place.js';
import { QuietTime } from './quiet-time.js';

export type WatchMode = 'auto' | 'poll';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What a watch is for when several share a host. */
export interface WatchScope {
  /** Whose domains. */
  readonly owner: Owner;
  /** Whether it tells of the files of the whole host too: of control files, and of domains that come and go. */
  readonly ofHost: boolean;
  /** Is told who else owns domains, whenever that changes. */
  readonly others?: (owners: readonly Owner[]) => void;
}

export interface WatchTimes {
  /** So long without a change, and what one tool call did is over. */
  readonly quietMs: number;
  /** At the latest so long after the first change, a look comes anyway. */
  readonly mostMs: number;
  /** Between two polling looks at the same place, unless they would take more than a tenth of the time. */
  readonly pollMs: number;
  /** Between two slow rounds. */
  readonly roundMs: number;
}

export interface HostWatchOptions {
  readonly mode: WatchMode;
  readonly log: Log;
  /** Is told what changed, in the order in which it was seen; must not throw. */
  readonly tell: (events: readonly ChangeEvent[]) => void;
  /** Unless given: all domains, with the rights of this process. */
  readonly scope?: WatchScope | undefined;
  /** Since when changes count (wall clock), for a watch that takes up another one's work; now unless given. */
  readonly sinceMs?: number | undefined;
  readonly times?: Partial<WatchTimes>;
  /** How kernel watches of domain directories are opened; for tests. */
  readonly openWatch?: OpenWatch;
}

export interface HostWatch {
  /** Resolves when what stood in every domain is known: what changes from then on is told exactly. */
  readonly complete: Promise<void>;
  /** Memory that accounts and aliases take, and how many accounts that are. */
  size(): { readonly domains: number; readonly accounts: number; readonly bytes: number };
  /** Ends it; resolves when nothing more will be told. */
  close(): Promise<void>;
}

const usualTimes: WatchTimes = { quietMs: 40, mostMs: 500, pollMs: 500, roundMs: 60_000 };
const parts: readonly HostPart[] = ['users', 'control', 'tcp', 'etc'];
/** The kernel's clock moves in ticks: a file that changed when the watch began may seem so much older. */
const tickMs = 10;
/** Polling may take this part of the time. */
const pollShare = 0.1;
const eventsAtOnce = 500;
/** So many directories in trouble are named in the log between two slow rounds. */
const mostWarnings = 20;

/** Watches the host at `layout`. Returns at once; everything is read in the background. */
export function watchHost(layout: Layout, options: HostWatchOptions): HostWatch {
  return new Watcher(layout, options);
}

class Watcher implements HostWatch, PlaceSurroundings {
  readonly complete: Promise<void>;
  readonly #layout: Layout;
  readonly #options: HostWatchOptions;
  readonly #times: WatchTimes;
  readonly #sinceMs: number;
  readonly #hostFiles: HostFiles;
  readonly #texts = new SharedTexts();
  readonly #places = new Map<string, Place>();
  readonly #byDirectory = new Map<string, Set<Place>>();
  readonly #domains = new Map<string, { readonly assigned: AssignedDomain; readonly watch: DomainWatch }>();
  readonly #quiet: QuietTime;
  readonly #ended = new AbortController();
  readonly #fixedEvents: DirectoryEvents | undefined;
  readonly #domainEvents: DirectoryEvents | undefined;
  /** For looks that somebody waits for: slices, and others in between. */
  readonly #promptly: Turn = turns(4, 0);
  /** Whether users/cdb was read before: what it has besides is new then. */
  #hasFollowed = false;
  #isOutOfWatches = false;
  #hasToldLimit = false;
  #warnings = 0;
  #others = '';

  constructor(layout: Layout, options: HostWatchOptions) {
    this.#layout = layout;
    this.#options = options;
    this.#times = { ...usualTimes, ...options.times };
    this.#sinceMs = (options.sinceMs ?? Date.now()) - tickMs;
    this.#hostFiles = new HostFiles(layout, this.#sinceMs);
    const { quietMs, mostMs } = this.#times;
    const due = (key: string, what: ReadonlySet<string>): void =>
      void this.#places.get(key)?.look(what, this.#promptly);
    this.#quiet = new QuietTime({ quietMs, mostMs, due });
    if (options.mode === 'auto') {
      const listener = this.#listener();
      this.#fixedEvents = fixedDirectoryEvents(listener, () => this.#touchParts());
      this.#domainEvents = directoryEvents(listener, options.openWatch);
    }
    this.complete = this.#run();
  }

  size(): { domains: number; accounts: number; bytes: number } {
    let [accounts, bytes] = [0, 0];
    for (const { watch } of this.#domains.values()) {
      accounts += watch.accountCount;
      bytes += watch.bytes;
    }
    return { domains: this.#domains.size, accounts, bytes };
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#quiet.close();
    for (const place of this.#places.values()) place.close();
    await Promise.all([this.#fixedEvents?.close(), this.#domainEvents?.close()]);
  }

  tell(events: readonly ChangeEvent[]): void {
    for (let at = 0; at < events.length && !this.#isClosed; at += eventsAtOnce)
      this.#options.tell(events.slice(at, at + eventsAtOnce));
  }

  warn({ directory }: Place, troubles: readonly unknown[]): void {
    this.#warnings++;
    if (this.#warnings > mostWarnings + 1) return;
    const what =
      this.#warnings > mostWarnings
        ? 'there is trouble with more directories, which are not named here'
        : `${directory}: ${troubleText(troubles)}; changes there are told when it can be read`;
    this.#options.log.warning(`watch: ${what}`);
  }

  mayWatch(): boolean {
    return !this.#isOutOfWatches && !this.#isClosed;
  }

  outOfWatches(error: unknown): void {
    this.#isOutOfWatches = true;
    if (this.#hasToldLimit) return;
    this.#hasToldLimit = true;
    const limits = ['max_user_watches', 'max_user_instances'].map(
      (name) => `fs.inotify.${name} is ${inotifyLimit(name)}`,
    );
    this.#options.log.warning(
      `watch: the kernel has no more watches (${describe(error)}; ${limits.join(', ')}): directories without one are polled every ${this.#times.pollMs} ms; raise the limit (sysctl) to hear of changes at once`,
    );
  }

  get #isClosed(): boolean {
    return this.#ended.signal.aborted;
  }

  /** The life of the watch; resolves when everything is learned, and goes on. */
  async #run(): Promise<void> {
    // Whoever starts it has something else to do first.
    await sleep(0);
    const startedAt = performance.now();
    for (const part of this.#options.scope?.ofHost === false ? parts.slice(0, 1) : parts) {
      const place = this.#addPart(part);
      await place.look(everything, this.#promptly);
    }
    await this.#learnDomains();
    if (this.#isClosed) return;
    this.#tellSize(performance.now() - startedAt);
    void this.#poll();
    void this.#round();
  }

  async #learnDomains(): Promise<void> {
    const turn = turns(4, 4);
    const firstPlaces = [...this.#places.values()];
    for (const place of firstPlaces) {
      if (this.#isClosed) return;
      if (this.#domains.get(place.key)?.watch.isKnown === false) await place.look(everything, turn);
      await turn();
    }
  }

  #tellSize(ms: number): void {
    const { domains, accounts } = this.size();
    const how = this.#options.mode === 'poll' ? `polled every ${this.#times.pollMs} ms` : 'watched';
    this.#options.log.info(
      `watch: ${domains} domains with ${accounts} accounts are ${how}; learned in ${(ms / 1000).toFixed(1)} s`,
    );
  }

  #addPart(part: HostPart): Place {
    const directory = this.#hostFiles.directoryOf(part);
    const look = async (): Promise<PlaceLook> => this.#lookAtPart(part, directory);
    return this.#addPlace(
      new Place({ key: `/${part}`, directory, interestIn: () => 'everything', look }, this, this.#fixedEvents),
    );
  }

  #lookAtPart(part: HostPart, directory: string): PlaceLook {
    const identity = directoryIdentity(directory);
    // Without the directory nothing is known of qmail's files; those of the others are then absent.
    const isKnown = identity !== undefined || part === 'tcp' || part === 'etc';
    if (!isKnown) return { events: [], isUnsettled: false, troubles: [], directory: undefined };
    const found = this.#hostFiles.look(part);
    if (part === 'users') this.#followAssignments();
    return { ...found, events: this.#options.scope?.ofHost === false ? [] : found.events, directory: identity };
  }

  /** Adds and removes domains as users/cdb says now. */
  #followAssignments(): void {
    const wanted = this.#ownDomains();
    for (const [name, { assigned }] of this.#domains) {
      const now = wanted.get(name);
      if (now?.directory === assigned.directory) continue;
      this.#removePlace(name);
      if (now === undefined) this.#domains.delete(name);
    }
    for (const [name, assigned] of wanted) {
      if (this.#places.has(name)) continue;
      const kept = this.#domains.get(name);
      const directory = this.#layout.disk(assigned.directory);
      kept?.watch.moveTo(directory);
      const isNew = this.#hasFollowed;
      const watch =
        kept?.watch ?? new DomainWatch({ name, directory, texts: this.#texts, isNew, sinceMs: this.#sinceMs });
      this.#domains.set(name, { assigned, watch });
      this.#addPlace(
        new Place(
          { key: name, directory, interestIn, look: (what, turn) => watch.look(what, turn) },
          this,
          this.#domainEvents,
        ),
      );
      if (isNew) this.#quiet.touch(name, 'everything');
    }
    this.#hasFollowed = true;
  }

  /** The real domains in this watch's scope. */
  #ownDomains(): Map<string, AssignedDomain> {
    const { scope } = this.#options;
    const own = new Map<string, AssignedDomain>();
    const others = new Map<string, Owner>();
    for (const assigned of this.#hostFiles.assignments.domains.values()) {
      const { uid, gid, real } = assigned;
      if (scope !== undefined && uid !== scope.owner.uid) others.set(`${uid}:${gid}`, { uid, gid });
      else if (!own.has(real) || assigned.name === real) own.set(real, assigned);
    }
    const key = [...others.keys()].sort().join();
    if (key !== this.#others) scope?.others?.([...others.values()]);
    this.#others = key;
    return own;
  }

  #addPlace(place: Place): Place {
    this.#places.set(place.key, place);
    const there = this.#byDirectory.get(place.directory) ?? new Set();
    this.#byDirectory.set(place.directory, there.add(place));
    return place;
  }

  #removePlace(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    place.close();
    this.#places.delete(key);
    const there = this.#byDirectory.get(place.directory);
    there?.delete(place);
    if (there?.size === 0) this.#byDirectory.delete(place.directory);
  }

  #listener(): DirectoryListener {
    return {
      changed: (directory, name) => {
        for (const place of this.#byDirectory.get(directory) ?? []) {
          const interest = place.interestOf(name);
          if (interest !== undefined) this.#quiet.touch(place.key, interest);
        }
      },
      failed: (directory, error) => {
        for (const place of this.#byDirectory.get(directory) ?? []) place.lost(error);
      },
    };
  }

  #touchParts(): void {
    for (const part of parts) if (this.#places.has(`/${part}`)) this.#quiet.touch(`/${part}`, 'everything');
  }

  /** Looks at what has no kernel watch. */
  async #poll(): Promise<void> {
    let pauseMs = this.#times.pollMs;
    while (await this.#rest(pauseMs)) {
      const turn = turns(4, 1);
      const startedAt = performance.now();
      await this.#lookAtAll((place) => !place.isWatched, turn);
      const tookMs = performance.now() - startedAt;
      pauseMs = Math.max(this.#times.pollMs, (tookMs * (1 - pollShare)) / pollShare);
    }
  }

  /** Looks at everything, slowly. */
  async #round(): Promise<void> {
    while (await this.#rest(this.#times.roundMs)) {
      this.#warnings = 0;
      // Watches may be had again.
      this.#isOutOfWatches = false;
      await this.#lookAtAll(() => true, turns(2, 50));
      this.#hasToldLimit = this.#isOutOfWatches;
    }
  }

  async #lookAtAll(which: (place: Place) => boolean, turn: Turn): Promise<void> {
    for (const place of [...this.#places.values()]) {
      if (this.#isClosed) return;
      if (!which(place)) continue;
      await place.look(everything, turn);
      await turn();
    }
  }

  /** @returns false when the watch has ended */
  async #rest(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { ref: false, signal: this.#ended.signal }).catch(() => {});
    return !this.#isClosed;
  }
}

function directoryIdentity(directory: string): string | undefined {
  try {
    const status = statusOf(bytesPath(directory));
    return status?.isDirectory() ? `${status.dev}:${status.ino}` : undefined;
  } catch {
    return undefined;
  }
}

function inotifyLimit(name: string): string {
  try {
    return fs.readFileSync(`/proc/sys/fs/inotify/${name}`, 'latin1').trim();
  } catch {
    return 'unknown';
  }
}
