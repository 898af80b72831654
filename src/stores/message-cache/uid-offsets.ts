// Where in a file something of a message stands, by UID: 8 bytes a message. UIDs come mostly in rising order; those that do not wait in a map until there are many.

import { indexIn } from '../mailboxes/folder/message-table.js';

const mostWaiting = 2000;

/** Offsets below 2^32. */
export class UidOffsets {
  #count = 0;
  #uids = new Uint32Array(0);
  #offsets = new Uint32Array(0);
  readonly #waiting = new Map<number, number>();

  /** How many UIDs there are. */
  get count(): number {
    return this.#count + this.#waiting.size;
  }

  get(uid: number): number | undefined {
    const waiting = this.#waiting.get(uid);
    if (waiting !== undefined) return waiting;
    const index = indexIn(this.#uids, this.#count, uid);
    return index < 0 ? undefined : this.#offsets[index];
  }

  set(uid: number, offset: number): void {
    if (this.#waiting.size === 0 && uid > (this.#uids[this.#count - 1] ?? 0)) {
      this.#push(uid, offset);
      return;
    }
    const index = indexIn(this.#uids, this.#count, uid);
    if (index >= 0) this.#offsets[index] = offset;
    else this.#waiting.set(uid, offset);
    if (this.#waiting.size > mostWaiting + this.#count / 8) this.#merge();
  }

  #push(uid: number, offset: number): void {
    if (this.#count === this.#uids.length) this.#grow(Math.ceil(this.#count * 1.5) + 64);
    this.#uids[this.#count] = uid;
    this.#offsets[this.#count++] = offset;
  }

  #grow(capacity: number): void {
    const [uids, offsets] = [this.#uids.subarray(0, this.#count), this.#offsets.subarray(0, this.#count)];
    this.#uids = new Uint32Array(capacity);
    this.#uids.set(uids);
    this.#offsets = new Uint32Array(capacity);
    this.#offsets.set(offsets);
  }

  #merge(): void {
    const added = [...this.#waiting].sort(([a], [b]) => a - b);
    this.#waiting.clear();
    const [uids, offsets, count] = [this.#uids, this.#offsets, this.#count];
    this.#count = 0;
    this.#uids = new Uint32Array(count + added.length);
    this.#offsets = new Uint32Array(count + added.length);
    let from = 0;
    for (const [uid, offset] of added) {
      while (from < count && (uids[from] as number) < uid) {
        this.#push(uids[from] as number, offsets[from] as number);
        from++;
      }
      this.#push(uid, offset);
    }
    for (; from < count; from++) this.#push(uids[from] as number, offsets[from] as number);
  }
}
