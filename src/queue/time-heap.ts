// Which message is due first: a binary heap of message numbers by time, as qmail-send's prioq. A hundred thousand messages take two megabytes, and nothing else about them
// is kept in memory: what a message holds is read when its time has come.
//
// Among equal times the order is that of qmail-send's heap, so that after SIGALRM, which makes everything due now, messages are tried in the order its users know.

export interface Due {
  readonly id: string;
  readonly seconds: number;
}

export class TimeHeap {
  #ids = new BigUint64Array(64);
  #times = new Float64Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The earliest time; undefined when nothing is scheduled. */
  get earliest(): number | undefined {
    return this.#size === 0 ? undefined : this.#times[0];
  }

  insert(id: string, seconds: number): void {
    if (this.#size === this.#ids.length) this.#grow();
    let at = this.#size++;
    for (let parent = (at - 1) >> 1; at > 0 && this.#time(parent) > seconds; parent = (at - 1) >> 1) {
      this.#move(parent, at);
      at = parent;
    }
    this.#ids[at] = BigInt(id);
    this.#times[at] = seconds;
  }

  /** Takes the earliest out. */
  take(): Due | undefined {
    if (this.#size === 0) return undefined;
    const due = { id: (this.#ids[0] ?? 0n).toString(), seconds: this.#time(0) };
    const last = --this.#size;
    let at = 0;
    for (let child = 2; child <= last; child = 2 * at + 2) {
      if (this.#time(child - 1) <= this.#time(child)) child--;
      if (this.#time(last) <= this.#time(child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#move(last, at);
    return due;
  }

  /** Gives everything the same time but what is later than `latest`, which must not be below `seconds`. */
  makeAllDue(seconds: number, latest = Number.POSITIVE_INFINITY): void {
    // Below an entry that stays there are only later ones, so the order holds.
    for (let at = 0; at < this.#size; at++) if (this.#time(at) < latest) this.#times[at] = seconds;
  }

  /** The time of one message; undefined when it is not there. */
  timeOf(id: string): number | undefined {
    const found = this.#find(id);
    return found < 0 ? undefined : this.#time(found);
  }

  /** Takes one message out. @returns whether it was there */
  remove(id: string): boolean {
    const found = this.#find(id);
    if (found < 0) return false;
    const last = --this.#size;
    const seconds = this.#time(last);
    let at = found;
    // The last one takes its place, and then rises or sinks.
    for (let parent = (at - 1) >> 1; at > 0 && this.#time(parent) > seconds; parent = (at - 1) >> 1) {
      this.#move(parent, at);
      at = parent;
    }
    for (let child = 2 * at + 1; child < last; child = 2 * at + 1) {
      if (child + 1 < last && this.#time(child + 1) < this.#time(child)) child++;
      if (seconds <= this.#time(child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#move(last, at);
    return true;
  }

  /** Gives one message another time. @returns whether it was there */
  reschedule(id: string, seconds: number): boolean {
    if (!this.remove(id)) return false;
    this.insert(id, seconds);
    return true;
  }

  /** All of them, in no order. */
  *[Symbol.iterator](): Generator<Due> {
    for (let at = 0; at < this.#size; at++) yield { id: (this.#ids[at] ?? 0n).toString(), seconds: this.#time(at) };
  }

  #find(id: string): number {
    return this.#ids.subarray(0, this.#size).indexOf(BigInt(id));
  }

  #time(at: number): number {
    return this.#times[at] ?? 0;
  }

  #move(from: number, to: number): void {
    this.#ids[to] = this.#ids[from] ?? 0n;
    this.#times[to] = this.#time(from);
  }

  #grow(): void {
    const ids = new BigUint64Array(2 * this.#ids.length);
    const times = new Float64Array(2 * this.#times.length);
    ids.set(this.#ids);
    times.set(this.#times);
    this.#ids = ids;
    this.#times = times;
  }
}
