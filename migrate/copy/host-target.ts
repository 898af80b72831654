// An account of this host as the target of a copy. Its mailboxes are changed as an IMAP session would change them: UIDs, keywords, quota and accounting are in force, and a Dovecot or vqmail that
// serves them meanwhile sees new mail.

import { TemporaryError } from '../../src/errors.js';
import { isKeyword } from '../../src/formats/mailbox/dovecot-keywords.js';
import { inbox } from '../../src/formats/mailbox/folder-names.js';
import type { AccountMailboxes } from '../../src/stores/mailboxes/account-mailboxes.js';
import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';
import type { NewCopy, Target, TargetFolder } from './ends.js';
import type { HostAccount } from './host-account.js';
import { hashesFrom } from './host-mailbox.js';

export class HostTarget implements Target {
  readonly name: string;
  readonly atOnce = { messages: 50, bytes: 4 * 1024 * 1024 };
  readonly #mailboxes: AccountMailboxes;

  constructor({ address, mailboxes }: HostAccount) {
    this.name = address;
    this.#mailboxes = mailboxes;
  }

  async open(folder: string): Promise<TargetFolder> {
    if (folder !== inbox && !(await this.#mailboxes.has(folder))) await this.#mailboxes.create(folder);
    const { uidValidity } = await this.#mailboxes.status(folder);
    return new HostTargetFolder(this.#mailboxes, folder, uidValidity);
  }

  async subscribe(folder: string): Promise<void> {
    if (!(await this.#mailboxes.subscriptions()).includes(folder)) await this.#mailboxes.subscribe(folder);
  }

  async close(): Promise<void> {}
}

class HostTargetFolder implements TargetFolder {
  readonly uidValidity: number;
  readonly #mailboxes: AccountMailboxes;
  readonly #name: string;

  constructor(mailboxes: AccountMailboxes, name: string, uidValidity: number) {
    this.#mailboxes = mailboxes;
    this.#name = name;
    this.uidValidity = uidValidity;
  }

  keeps(keyword: string): boolean {
    return isKeyword(keyword);
  }

  async uidNext(): Promise<number> {
    const { uidNext, uidValidity } = await this.#mailboxes.status(this.#name);
    if (uidValidity !== this.uidValidity)
      throw new TemporaryError('4.3.0', `${this.#name}: has become another mailbox meanwhile; repeat the command`);
    return uidNext;
  }

  async append(copies: readonly NewCopy[]): Promise<readonly number[]> {
    const append = await this.#mailboxes.append(this.#name);
    for (const { message, text } of copies) {
      const { flags, keywords, internalDateMs } = message;
      await append.next({ flags, keywords, internalDateMs, sizeBytes: text.length });
      await append.write(text);
      await append.finish();
    }
    return (await append.commit()).uids;
  }

  async change(uid: number, added: NamedFlags, removed: NamedFlags): Promise<void> {
    const view = await this.#mailboxes.select(this.#name, 'read-write');
    try {
      const sequence = view.sequenceOf(uid);
      if (sequence === 0) return;
      await view.store([sequence], { ...added, mode: 'add' });
      await view.store([sequence], { ...removed, mode: 'remove' });
    } finally {
      view.close();
    }
  }

  async hashes(fromUid: number): Promise<ReadonlyMap<string, readonly number[]>> {
    const view = await this.#mailboxes.select(this.#name, 'read-only');
    try {
      return await hashesFrom(view, fromUid);
    } finally {
      view.close();
    }
  }

  async close(): Promise<void> {}
}
