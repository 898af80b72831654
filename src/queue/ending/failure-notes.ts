// bounce/N: which recipients of a message have failed, and why (formats/qmail.md 4.5). One paragraph is appended for each; when nobody is left a notice is made of them.
//
// The first paragraph makes the file: it is written under a name in pid/ and renamed, so that it never stands there half, or as somebody's who cannot read it. A paragraph is
// synced before its recipient is marked done, which qmail-send does not do: else a power failure could keep the mark and lose the reason, and nobody would ever hear of it.
//
// A disk that takes nothing is tried again every ten seconds for ever, as qmail-send does: there is no other place to put it.

import { bounceParagraph } from '../../formats/queue/queue-bounce.js';
import type { NewFile, QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import type { Ids } from '../owners.js';
import type { QueueClock } from '../schedule.js';
import type { QueueTree } from '../tree.js';

export interface FailureNotesOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly owner: Ids | undefined;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  readonly virtualDomains: () => ReadonlyMap<string, string>;
  /** Whether it is time to give up: the recipient stays to do then. */
  readonly isStopping: () => boolean;
}

const pauseSeconds = 10;

export class FailureNotes {
  readonly #options: FailureNotesOptions;
  #made = 0;

  constructor(options: FailureNotesOptions) {
    this.#options = options;
  }

  /** Notes a failure durably. @returns false when it could not before the queue is given up */
  async note(id: string, recipient: string, report: string): Promise<boolean> {
    const { log, isStopping, virtualDomains } = this.#options;
    const paragraph = bounceParagraph(recipient, report, virtualDomains());
    for (;;) {
      try {
        await this.#append(id, paragraph);
        return true;
      } catch {
        log({ event: 'alert', text: 'unable to append to bounce message; HELP! sleeping...' });
      }
      if (isStopping()) return false;
      await this.#pause();
    }
  }

  /** Nothing may come between the look and the end of writing: several recipients of a message may fail at once. */
  #append(id: string, paragraph: Buffer): Promise<void> {
    const { tree, files } = this.#options;
    const existing = files.append(tree.bounce(id));
    return existing === undefined ? this.#begin(id, paragraph) : addTo(existing, paragraph);
  }

  #begin(id: string, paragraph: Buffer): Promise<void> {
    const { tree, files, owner, clock } = this.#options;
    const name = tree.pid(`${process.pid}.${clock.now()}.bounce${++this.#made}`);
    const file = files.create(name, 0o600, owner);
    try {
      file.write(paragraph);
      files.rename(name, tree.bounce(id));
    } catch (error) {
      file.close();
      files.unlink(name);
      throw error;
    }
    return syncedAndClosed(file).then(() => files.syncEntry(tree.bounce(id)));
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(pauseSeconds, resolve);
    });
  }
}

function addTo(file: NewFile, paragraph: Buffer): Promise<void> {
  const sizeBefore = file.sizeBytes;
  try {
    file.write(paragraph);
  } catch (error) {
    // Half a paragraph would be followed by the whole one.
    file.truncate(sizeBefore);
    file.close();
    throw error;
  }
  return syncedAndClosed(file);
}

async function syncedAndClosed(file: NewFile): Promise<void> {
  try {
    await file.sync();
  } finally {
    file.close();
  }
}
