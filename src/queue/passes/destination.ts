// A place that recipients of one channel go to, and how many deliveries to it run at once: for the remote channel a domain, for the local one an address.
//
// It keeps one slow destination from holding all the others up, which nothing in qmail does. A destination never has all slots of its channel but a few stay free for others,
// and a domain begins with a quarter of them. Each success widens its window by one; a delivery that was put off after a long wait narrows it. So a fast host soon gets
// what there is, and one that answers after minutes comes down to one delivery at a time.

import { lower, splitAddress } from '../../mail/address.js';
import type { ChannelName } from '../tree.js';
import type { Waiting } from './pass.js';

/** What a deferral may take before its destination is called slow. */
const slowSeconds = 20;
/** A channel with fewer slots belongs to whoever comes first, as in qmail. */
const fewestShared = 5;

export class Destination {
  readonly key: string;
  /** Recipients that wait for a place. */
  readonly waiting: Waiting[] = [];
  /** Messages that were looked at and closed again, since all their recipients would have to wait. */
  readonly parked: string[] = [];
  /** Whether it stands in the row of those that may go on. */
  isListed = false;
  #running = 0;
  #window: number;
  readonly #most: number;

  constructor(key: string, channel: ChannelName, slots: number) {
    this.key = key;
    this.#most = slots < fewestShared ? slots : slots - Math.floor(slots / 10) - (slots < 10 ? 1 : 0);
    this.#window = channel === 'local' ? this.#most : Math.min(this.#most, Math.max(fewestShared, slots >> 2));
  }

  get hasRoom(): boolean {
    return this.#running < this.#window;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** How many more may begin now. */
  get room(): number {
    return Math.max(0, this.#window - this.#running);
  }

  /** Whether nothing of it is in memory for a reason. */
  get isIdle(): boolean {
    return this.#running === 0 && this.waiting.length === 0 && this.parked.length === 0;
  }

  begin(): void {
    this.#running++;
  }

  /** A delivery is over. */
  end(outcome: 'success' | 'deferral' | 'failure', tookSeconds: number): void {
    this.#running--;
    if (outcome !== 'deferral') this.#window = Math.min(this.#most, this.#window + 1);
    else if (tookSeconds >= slowSeconds) this.#window = Math.max(1, this.#window - 1);
  }
}

/** So many are remembered. */
const quickMost = 10_000;

/** Destinations whose last delivery was a success and took but a moment. What is known of them outlives what a destination is while something goes there. */
export class QuickDestinations {
  readonly #keys = new Set<string>();

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** A delivery is over. @param wasQuick whether it took no longer than a moment */
  note(key: string, outcome: 'success' | 'deferral' | 'failure', wasQuick: boolean): void {
    if (outcome !== 'success' || !wasQuick) this.#keys.delete(key);
    else if (!this.#keys.has(key)) {
      if (this.#keys.size >= quickMost) this.#keys.clear();
      this.#keys.add(key);
    }
  }
}

/** Which destination an address belongs to. */
export function destinationKey(channel: ChannelName, address: string): string {
  return lower(channel === 'local' ? address : (splitAddress(address).domain ?? address));
}
