// Messages that vq-state has a record of and that have no file: another program removed them while no process of ours looked, or one of ours was killed in the middle of an expunge. Who comes back
// with QRESYNC must hear of them, so they get an expunge of their own.

import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import { rangesOf } from './uid-ranges.js';

export class UnseenRecords {
  readonly #uids = new Set<number>();

  add(uid: number): void {
    this.#uids.add(uid);
  }

  clear(): void {
    this.#uids.clear();
  }

  /** Those that are neither there by now nor known to be expunged, as ascending ranges. */
  gone(isThere: (uid: number) => boolean, expunged: readonly NumberRange[]): NumberRange[] {
    if (this.#uids.size === 0) return [];
    for (const { first, last } of expunged) for (let uid = first; uid <= last; uid++) this.#uids.delete(uid);
    for (const uid of this.#uids) if (isThere(uid)) this.#uids.delete(uid);
    return rangesOf([...this.#uids].sort((a, b) => a - b));
  }
}
