// One thing that is on the host: a program, a patch of qmail, an option of vpopmail, a filter; where it was seen, and what vqmail does with it.

import fs from 'node:fs';
import { describe, errnoOf } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import type { Layout } from '../../src/layout.js';

/**
 * served: vqmail does the same from the same files. stays: goes on beside vqmail, or is run by it. unneeded: vqmail does it in another way. missing: vqmail
 * does not do it yet. unknown: look yourself.
 */
export type Support = 'served' | 'stays' | 'unneeded' | 'missing' | 'unknown';

export const areas = ['qmail', 'vpopmail', 'front end', 'filter'] as const;

export interface Part {
  readonly area: (typeof areas)[number];
  readonly name: string;
  /** The host path of the file that shows it, and the line in it, from 1. */
  readonly path: string;
  readonly line?: number;
  readonly support: Support;
  /** What vqmail does with it. */
  readonly text: string;
}

/** Looks at files without ending at what may not be read: that is noted. */
export class Looker {
  readonly layout: Layout;
  readonly #unseen = new Map<string, string>();

  constructor(layout: Layout) {
    this.layout = layout;
  }

  /** What could not be looked at, as `PATH: why`, and other things that are to be said about it. */
  get unseen(): readonly string[] {
    return [...this.#unseen].map(([path, why]) => `${path}: ${why}`);
  }

  /** @param path a disk path, or a word for what could not be seen */
  note(path: string, why: string): void {
    this.#unseen.set(this.layout.host(path), why);
  }

  /** Notes that a disk path could not be looked at. */
  trouble(path: string, error: unknown): void {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const code = errnoOf(cause);
    this.note(path, code === 'EACCES' || code === 'EPERM' ? 'this user may not look at it' : describe(error));
  }

  /** The text of a file, Latin-1; undefined when it is not there or may not be read. */
  text(path: string): string | undefined {
    return this.#try(path, () =>
      fs.statSync(bytesPath(path)).isFile() ? fs.readFileSync(bytesPath(path), 'latin1') : undefined,
    );
  }

  /** The names in a directory in order; none when it is not there or may not be read. */
  names(path: string): string[] {
    return this.#try(path, () => fs.readdirSync(bytesPath(path), 'latin1').sort()) ?? [];
  }

  status(path: string): fs.Stats | undefined {
    return this.#try(path, () => fs.statSync(bytesPath(path)));
  }

  #try<T>(path: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      const code = errnoOf(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.trouble(path, error);
      return undefined;
    }
  }
}
