// Who gets the next crypt(3) call, when more passwords wait than can be computed at once ($6$ takes 3 ms of a core, bcrypt and yescrypt 50 and more): those of addresses that are known for their
// account first, then those against whom nothing is known, then those that failed lately. So a flood of guesses slows down guessers. One in eight goes to those who wait behind,
// however many come before them.

import type { Crypt } from './crypt-library.js';
import type { Standing } from './guessing/gate.js';

const order: readonly Standing[] = ['known', 'clean', 'suspect'];
const turnOfTheLast = 8;

export class CryptQueue {
  readonly #crypt: Crypt;
  readonly #waiting: Readonly<Record<Standing, Array<() => void>>> = { known: [], clean: [], suspect: [] };
  #free: number;
  #turns = 0;

  /** @param atOnce how many calls may run at the same time */
  constructor(crypt: Crypt, atOnce: number) {
    this.#crypt = crypt;
    this.#free = atOnce;
  }

  /** As `Crypt`, when it is its turn. */
  async run(password: Buffer, setting: string, standing: Standing): Promise<string | undefined> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting[standing].push(resolve));
    try {
      return await this.#crypt(password, setting);
    } finally {
      const next = this.#next();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #next(): (() => void) | undefined {
    const isTurnOfTheLast = ++this.#turns % turnOfTheLast === 0;
    const standings = isTurnOfTheLast ? order.toReversed() : order;
    for (const standing of standings) {
      const next = this.#waiting[standing].shift();
      if (next !== undefined) return next;
    }
    return undefined;
  }
}
