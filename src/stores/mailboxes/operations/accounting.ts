// What an operation changes of the account's maildirsize, as one line at its end (formats/dovecot.md 5; stores/maildir/maildirsize.ts). As vpopmail counts: neither messages marked \Deleted (`T`) nor what is in
// the folder Trash. Where no maildirsize is kept nothing is computed.

import fs from 'node:fs';
import path from 'node:path';
import { describe } from '../../../errors.js';
import { bytesPath } from '../../../files/read.js';
import { flagBits } from '../../../formats/mailbox/message-flags.js';
import { parseMaildirBase } from '../../../formats/maildir/maildir-name.js';
import { appendChange } from '../../maildir/maildirsize.js';
import type { Mailbox } from '../folder/mailbox.js';

export class Accounting {
  readonly #mailbox: Mailbox;
  readonly #isKept: boolean;
  #bytes = 0;
  #count = 0;

  constructor(mailbox: Mailbox) {
    this.#mailbox = mailbox;
    const { directory, root } = mailbox.place;
    this.#isKept = !isTrash(directory, root) && fs.existsSync(bytesPath(path.join(root, 'maildirsize')));
  }

  /** The size of a message that is about to be changed or removed, where that will count. @param file where it is @throws ENOENT when it is not there */
  sizeOf(row: number, file: string): number | undefined {
    if (!this.#isKept) return undefined;
    const named = parseMaildirBase(this.#mailbox.table.baseAt(row)).sizeBytes;
    return named ?? fs.statSync(bytesPath(file)).size;
  }

  /** A message has other flags now; undefined: it was not there, or is not any more. */
  note(sizeBytes: number | undefined, before: number | undefined, after: number | undefined): void {
    if (!this.#isKept || sizeBytes === undefined) return;
    const sign = (counts(after) ? 1 : 0) - (counts(before) ? 1 : 0);
    this.#bytes += sign * sizeBytes;
    this.#count += sign;
  }

  /** Writes the line. Does not throw: the sums are counted anew now and then. */
  settle(): void {
    if (this.#bytes === 0 && this.#count === 0) return;
    try {
      appendChange(this.#mailbox.place.root, { bytes: this.#bytes, count: this.#count });
    } catch (error) {
      this.#mailbox.log.warning(`maildirsize of ${this.#mailbox.place.root}: ${describe(error)}`);
    }
    this.#bytes = 0;
    this.#count = 0;
  }
}

function counts(bits: number | undefined): boolean {
  return bits !== undefined && (bits & flagBits.deleted) === 0;
}

/** Whether a mailbox is not counted. @param directory, root disk paths */
export function isTrash(directory: string, root: string): boolean {
  return directory === `${root}/.Trash`;
}
