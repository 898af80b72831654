// Whether an account has room for more (formats/dovecot.md 5, vpopmail.md 5.4): the limit of vpasswd against maildirsize. Before anything is refused the messages are counted anew, and a count during
// which mail came or went refuses nobody. What goes into Trash is not counted, so it is never refused.

import {
  exceeds,
  isUnlimited,
  parseQuota,
  type Quota,
  quotaLineFor,
  type Usage,
} from '../../../formats/vpopmail/quota.js';
import { countUsage, type KnownUsage, knownUsage } from '../../maildir/maildirsize.js';
import type { Owner, QuotaState } from '../mailbox-types.js';
import { MailboxRefusal } from '../refusal.js';
import { isTrash } from './accounting.js';

export class Room {
  readonly #root: string;
  readonly #owner: Owner;
  readonly #stored: string | undefined;
  readonly #limit: Quota;

  /** @param root disk path of the account's Maildir @param stored the quota as vpasswd has it */
  constructor(root: string, owner: Owner, stored: string | undefined) {
    this.#root = root;
    this.#owner = owner;
    this.#stored = stored && quotaLineFor(stored);
    this.#limit = parseQuota(stored ?? '');
  }

  /**
   * @param directory disk path of the mailbox that the messages are for
   * @throws MailboxRefusal OVERQUOTA; the system error
   */
  async mustHold(added: Usage, directory: string): Promise<void> {
    if (this.#stored === undefined || isUnlimited(this.#limit) || isTrash(directory, this.#root)) return;
    let known = await this.#known(this.#stored);
    if (this.#isTooMuch(known, added) && !known.isFreshCount)
      known = await countUsage(this.#root, this.#stored, this.#owner);
    if (this.#isTooMuch(known, added) && known.isCertain)
      throw new MailboxRefusal('OVERQUOTA', 'Quota exceeded (mailbox for user is full)');
  }

  /** undefined when no limit is kept. @throws the system error */
  async state(): Promise<QuotaState | undefined> {
    if (this.#stored === undefined || isUnlimited(this.#limit)) return undefined;
    const { usage } = await this.#known(this.#stored);
    return {
      usedBytes: Math.max(0, usage.bytes),
      usedCount: Math.max(0, usage.count),
      limitBytes: this.#limit.sizeBytes,
      limitCount: this.#limit.count,
    };
  }

  async #known(stored: string): Promise<KnownUsage> {
    return knownUsage(this.#root, Date.now()) ?? (await countUsage(this.#root, stored, this.#owner));
  }

  #isTooMuch({ usage }: KnownUsage, { bytes, count }: Usage): boolean {
    return exceeds({ bytes: usage.bytes + bytes, count: usage.count + count }, this.#limit);
  }
}
