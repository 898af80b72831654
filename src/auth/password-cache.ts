// Passwords that were right a moment ago, so that a webmail which logs in for every page costs no hash each time.
//
// What is kept is neither a password nor a hash of one that could be tried against others: HMAC-SHA-256, with a key that this process has made for itself and shows nobody, over the account, the
// hash as vpasswd has it, and the password. An account whose hash is another one than then is not found: any change of the password voids what is kept at once, and so does removing the
// account, since the record is looked up at every login as ever. Wrong passwords are not kept.

import { createHmac, randomBytes } from 'node:crypto';

export interface PasswordCacheLimits {
  /** How long a password is not computed again; 0: nothing is kept. */
  readonly keepMs: number;
  readonly most?: number;
}

const defaultMost = 20_000;

export class PasswordCache {
  readonly #key = randomBytes(32);
  readonly #keepMs: number;
  readonly #most: number;
  /** By digest, in the order of time: until when it counts. */
  readonly #until = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<boolean>>();

  constructor({ keepMs, most = defaultMost }: PasswordCacheLimits) {
    this.#keepMs = keepMs;
    this.#most = most;
  }

  /**
   * Whether a password is right: as it was found a moment ago, or is being found, or as `compute` finds it.
   * @param account of which domain it is too; texts are Latin-1
   * @throws what `compute` throws
   */
  async check(account: string, stored: string, password: string, compute: () => Promise<boolean>): Promise<boolean> {
    if (this.#keepMs === 0) return compute();
    const digest = this.#digest(account, stored, password);
    const until = this.#until.get(digest);
    if (until !== undefined && until > performance.now()) return true;
    const underWay = this.#underWay.get(digest);
    if (underWay !== undefined) return underWay;
    const computed = compute().finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, computed);
    const isRight = await computed;
    if (isRight) this.#keep(digest);
    return isRight;
  }

  #digest(account: string, stored: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${account}\0${stored}\0${password}`, 'latin1').digest('base64');
  }

  #keep(digest: string): void {
    const nowMs = performance.now();
    this.#until.delete(digest);
    this.#until.set(digest, nowMs + this.#keepMs);
    for (const [oldest, until] of this.#until) {
      if (until > nowMs && this.#until.size <= this.#most) return;
      this.#until.delete(oldest);
    }
  }
}
