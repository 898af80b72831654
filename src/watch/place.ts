// One place that is watched: a domain's directory, or one of the whole host. It sees to it that the kernel's watch is on the directory that stands there now, that looks do not overlap,
// and that a look which came too early or met trouble is repeated.

import type { ChangeEvent } from './events.js';
import { type DirectoryEvents, isOutOfWatches } from './kernel/directory-events.js';
import type { Turn } from './pace.js';

/** What of a place is to be looked at, in the words of whoever looks; `everything` is always one. */
export type Interest = string;

export const everything: ReadonlySet<Interest> = new Set(['everything']);

/** What a look found. */
export interface PlaceLook {
  readonly events: readonly ChangeEvent[];
  /** Whether something was changing at that moment: look again soon. */
  readonly isUnsettled: boolean;
  /** What could not be read. */
  readonly troubles: readonly unknown[];
  /** Which directory stands there, as a text that another one would not have; undefined: none that can be entered. */
  readonly directory: string | undefined;
}

export interface PlaceOptions {
  readonly key: string;
  /** Disk path. */
  readonly directory: string;
  /** What a change of a name in the directory is about; undefined: nothing. */
  readonly interestIn: (name: string) => Interest | undefined;
  /** Compares with the last look; must not throw. */
  readonly look: (interests: ReadonlySet<Interest>, turn: Turn) => Promise<PlaceLook>;
}

/** What places share. */
export interface PlaceSurroundings {
  tell(events: readonly ChangeEvent[]): void;
  /** Trouble with a place that did not pass. */
  warn(place: Place, troubles: readonly unknown[]): void;
  /** Whether another kernel watch may be asked for. */
  mayWatch(): boolean;
  /** The kernel has no more watches. */
  outOfWatches(error: unknown): void;
}

/** A look that met a change in progress is repeated after so long. */
const againMs = 30;
/** One that met trouble is repeated so often before it is told. */
const troubleAgainMs = [100, 400, 1600];

export class Place {
  readonly key: string;
  readonly directory: string;
  readonly #options: PlaceOptions;
  readonly #surroundings: PlaceSurroundings;
  readonly #events: DirectoryEvents | undefined;
  /** What was asked for during a look. */
  #again: Set<Interest> | undefined;
  /** The directory that the kernel watches: its identity; `begun` before the first look at it. */
  #watched: string | undefined;
  #mayHaveDied = false;
  #isBusy = false;
  #isOver = false;
  #troubles = 0;

  /** @param events where kernel watches come from; undefined: the place is polled */
  constructor(options: PlaceOptions, surroundings: PlaceSurroundings, events: DirectoryEvents | undefined) {
    this.key = options.key;
    this.directory = options.directory;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#events = events;
  }

  get isWatched(): boolean {
    return this.#watched !== undefined;
  }

  /** What a hint of the kernel is about. @param name undefined: the directory itself, or nobody knows */
  interestOf(name: string | undefined): Interest | undefined {
    const interest = name === undefined ? undefined : this.#options.interestIn(name);
    if (interest !== undefined) return interest;
    // News of the directory itself come with its own name.
    if (name !== undefined && !this.directory.endsWith(`/${name}`)) return undefined;
    this.#mayHaveDied = true;
    return 'everything';
  }

  /** The kernel watches it no longer. */
  lost(error: unknown): void {
    this.#watched = undefined;
    if (isOutOfWatches(error)) this.#surroundings.outOfWatches(error);
  }

  /** Looks and tells. When a look is under way, what is asked for follows it. */
  async look(interests: ReadonlySet<Interest>, turn: Turn): Promise<void> {
    if (this.#isOver) return;
    if (this.#isBusy) {
      this.#again = new Set([...(this.#again ?? []), ...interests]);
      return;
    }
    this.#isBusy = true;
    try {
      await this.#lookOnce(interests, turn);
      for (let next = this.#again; next !== undefined && !this.#isOver; next = this.#again) {
        this.#again = undefined;
        await this.#lookOnce(next, turn);
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** Ends it: nothing is told any more. */
  close(): void {
    this.#isOver = true;
    this.#events?.remove(this.directory);
    this.#watched = undefined;
  }

  async #lookOnce(interests: ReadonlySet<Interest>, turn: Turn): Promise<void> {
    // The watch first: what changes after it is heard of.
    if (this.#watched === undefined) this.#watch('begun');
    const found = await this.#options.look(interests, turn);
    if (this.#isOver) return;
    this.#followDirectory(found.directory);
    if (found.events.length > 0) this.#surroundings.tell(found.events);
    this.#lookAgain(found, turn);
  }

  #watch(what: string): void {
    if (this.#events === undefined || !this.#surroundings.mayWatch()) return;
    this.#watched = what;
    this.#events.add(this.directory);
  }

  #followDirectory(directory: string | undefined): void {
    const isOther = this.#watched !== 'begun' && this.#watched !== directory;
    if (this.#watched === undefined) return;
    if (directory === undefined) {
      this.#events?.remove(this.directory);
      this.#watched = undefined;
    } else if (isOther || this.#mayHaveDied) {
      this.#watch(directory);
      this.#again = new Set([...(this.#again ?? []), 'everything']);
    } else this.#watched = directory;
    this.#mayHaveDied = false;
  }

  #lookAgain({ isUnsettled, troubles }: PlaceLook, turn: Turn): void {
    const waitMs = this.#waitAfter(troubles) ?? (isUnsettled ? againMs : undefined);
    if (waitMs !== undefined) setTimeout(() => void this.look(everything, turn), waitMs).unref();
  }

  /** How long to wait before a look that met trouble is repeated; undefined: it is not. */
  #waitAfter(troubles: readonly unknown[]): number | undefined {
    if (troubles.length === 0) this.#troubles = 0;
    else {
      const waitMs = troubleAgainMs[this.#troubles++];
      if (this.#troubles === troubleAgainMs.length + 1) this.#surroundings.warn(this, troubles);
      return waitMs;
    }
    return undefined;
  }
}
