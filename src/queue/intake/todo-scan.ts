// Looking through todo/: at the start, when the trigger is pulled, and every 25 minutes (formats/qmail.md 3.7). The trigger is set anew before the look begins, so that what is
// queued during it is either seen or brings another look. What this process has queued itself is taken up without a look.
//
// A message whose preprocessing failed stays, and is met at the next look.

import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import { type QueueClock, scanSeconds } from '../schedule.js';
import { messageNumber, type QueueTree } from '../tree.js';
import type { Trigger } from '../trigger.js';

export interface TodoScanOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  readonly trigger: (pulled: () => void) => Trigger;
  /** Deals with one message; never rejects. */
  readonly take: (id: string) => Promise<void>;
}

/** Messages that are preprocessed at once: they share the waits for the disk. */
const atOnce = 16;
const pauseSeconds = 10;
/** How often todo/ is looked at where there is no trigger. */
const withoutTriggerSeconds = 10;

export class TodoScan {
  readonly #options: TodoScanOptions;
  readonly #trigger: Trigger;
  /** By number, messages that are being dealt with. */
  readonly #taken = new Map<string, Promise<void>>();
  /** Messages that are known to be there. */
  #found: string[] = [];
  #hasBegun = false;
  #isScanning = false;
  #isAsked = false;
  #isStopping = false;
  #cancelTimer = (): void => {};

  constructor(options: TodoScanOptions) {
    this.#options = options;
    this.#trigger = options.trigger(() => this.ask());
  }

  /** Begins to listen. What is found is dealt with from the first `ask` on. @returns false when there is no trigger to listen to */
  listen(): boolean {
    return this.#trigger.reset();
  }

  /** Has todo/ looked at; when that is being done already, once more behind it. */
  ask(): void {
    this.#isAsked = true;
    this.#hasBegun = true;
    this.#go();
  }

  /** Takes up a message that is there; before the first `ask` it is left to that. */
  found(id: string): void {
    if (!this.#hasBegun) return;
    this.#found.push(id);
    this.#go();
  }

  /** Takes up nothing any more. Resolves when what was begun is over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelTimer();
    this.#trigger.close();
    await Promise.all(this.#taken.values());
  }

  #go(): void {
    if (!this.#isScanning && !this.#isStopping) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isScanning = true;
    while ((this.#isAsked || this.#found.length > 0) && !this.#isStopping) {
      const found = this.#found;
      this.#found = [];
      for (const id of found) await this.#take(id);
      if (this.#isAsked) await this.#scan();
    }
    this.#isScanning = false;
  }

  async #scan(): Promise<void> {
    this.#isAsked = false;
    this.#cancelTimer();
    const isListening = this.#trigger.reset();
    for (const directory of this.#options.tree.directories('todo')) await this.#look(directory);
    if (this.#isStopping) return;
    this.#cancelTimer = this.#options.clock.after(isListening ? scanSeconds : withoutTriggerSeconds, () => this.ask());
  }

  async #look(directory: string): Promise<void> {
    for (const name of await this.#names(directory)) {
      if (this.#isStopping) return;
      if (messageNumber(name) !== undefined) await this.#take(name);
    }
  }

  /** Has a message dealt with as soon as there is room. One that is on its way is not met again. */
  async #take(id: string): Promise<void> {
    if (this.#taken.size >= atOnce) await Promise.race(this.#taken.values());
    if (this.#isStopping || this.#taken.has(id)) return;
    this.#taken.set(
      id,
      this.#options.take(id).finally(() => this.#taken.delete(id)),
    );
  }

  async #names(directory: string): Promise<string[]> {
    const { files, log, tree, clock } = this.#options;
    for (;;) {
      const names = await files.list(directory).catch(() => undefined);
      if (names !== undefined) return names;
      log({ event: 'alert', text: `unable to opendir ${tree.shown(directory)}, sleeping...` });
      await new Promise<void>((resolve) => clock.after(pauseSeconds, resolve));
      if (this.#isStopping) return [];
    }
  }
}
