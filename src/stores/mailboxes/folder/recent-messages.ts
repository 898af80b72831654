// A set of UIDs that were called \Recent: rising ranges, since they are mostly the newest.

import type { NumberRange } from '../../../protocols/imap/sequence-set.js';
import { includesNumber } from '../../../protocols/imap/sequence-set.js';
import { rangesOf } from './uid-ranges.js';

export class RecentMessages {
  #ranges: NumberRange[] = [];

  has(uid: number): boolean {
    return this.#ranges.length > 0 && includesNumber(this.#ranges, uid);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** How many there are. */
  get count(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** @param added rising ranges that do not touch */
  add(added: readonly NumberRange[]): void {
    if (added.length === 0) return;
    const last = this.#ranges.at(-1);
    const [first, ...others] = added;
    if (last !== undefined && first !== undefined && first.first === last.last + 1) {
      this.#ranges = [...this.#ranges.slice(0, -1), { first: last.first, last: first.last }, ...others];
    } else this.#ranges = [...this.#ranges, ...added].sort((a, b) => a.first - b.first);
  }

  /** @param uids in any order */
  remove(uids: readonly number[]): void {
    if (this.#ranges.length === 0) return;
    const gone = new Set(uids.filter((uid) => this.has(uid)));
    if (gone.size === 0) return;
    const left: number[] = [];
    for (const { first, last } of this.#ranges)
      for (let uid = first; uid <= last; uid++) if (!gone.has(uid)) left.push(uid);
    this.#ranges = rangesOf(left);
  }

  clear(): void {
    this.#ranges = [];
  }

  /** Takes all that another set has, which has none then. */
  takeFrom(other: RecentMessages): void {
    this.#ranges = [...this.#ranges, ...other.#ranges].sort((a, b) => a.first - b.first);
    other.clear();
  }

  /** The UIDs among these that are in the set. */
  countIn(uids: Uint32Array): number {
    if (this.#ranges.length === 0) return 0;
    let count = 0;
    for (const uid of uids) if (this.has(uid)) count++;
    return count;
  }
}
