// Hints that a mailbox may have changed, for the sessions that wait for it: one kernel watch on new/ and one on cur/, however many sessions wait. What changed, a look at the disk decides; so a hint too
// many costs a few stats.
//
// Where the kernel has no watch to give, the directories are looked at every second. A directory that was exchanged for another one takes its watch with it, so every half minute there is a hint
// for nothing.

import fs from 'node:fs';
import { bytesPath } from '../../../files/read.js';
import { mailboxFiles } from '../../../layout.js';
import type { Mailbox } from './mailbox.js';

const pollMs = 1_000;
const reassureMs = 30_000;

export class MailboxWatch {
  readonly #mailbox: Mailbox;
  readonly #listeners = new Set<() => void>();
  #watches: fs.FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #recheck: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;
  #isHinting = false;

  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox;
  }

  /** @returns stops it */
  add(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#stop();
    };
  }

  #start(): void {
    this.#stopListening = this.#mailbox.onChange(() => this.#hint());
    for (const part of ['new', 'cur'] as const) this.#watch(part);
    this.#timer = setInterval(() => this.#hint(), this.#watches.length < 2 ? pollMs : reassureMs).unref();
    this.#scheduleRecheck();
  }

  #stop(): void {
    this.#stopListening?.();
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
    clearInterval(this.#timer);
    clearTimeout(this.#recheck);
    this.#recheck = undefined;
  }

  #watch(part: 'new' | 'cur'): void {
    try {
      const path = bytesPath(mailboxFiles.part(this.#mailbox.place.directory, part));
      const watch = fs.watch(path, { persistent: false }, () => this.#hint());
      watch.on('error', () => this.#poll());
      this.#watches.push(watch);
    } catch {
      // No watch to be had, or no directory: the timer looks.
    }
  }

  /** A watch is dead. */
  #poll(): void {
    clearInterval(this.#timer);
    if (this.#listeners.size > 0) this.#timer = setInterval(() => this.#hint(), pollMs).unref();
  }

  /** One hint for all events of a moment. */
  #hint(): void {
    if (this.#isHinting) return;
    this.#isHinting = true;
    setImmediate(() => {
      this.#isHinting = false;
      for (const listener of [...this.#listeners]) listener();
      this.#scheduleRecheck();
    });
  }

  /** A change that does not show in the directories' times is found by a look a moment later. */
  #scheduleRecheck(): void {
    const atMs = this.#mailbox.recheckAtMs;
    if (atMs === undefined || this.#recheck !== undefined || this.#listeners.size === 0) return;
    this.#recheck = setTimeout(
      () => {
        this.#recheck = undefined;
        if (this.#mailbox.recheckAtMs !== undefined) this.#hint();
      },
      Math.max(1, atMs - Date.now() + 1),
    ).unref();
  }
}
