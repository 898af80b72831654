// An account of this host as the source of a copy.

import type { AccountMailboxes } from '../../src/stores/mailboxes/account-mailboxes.js';
import type { MailboxView } from '../../src/stores/mailboxes/mailbox-view.js';
import { keywordNames } from '../flag-text.js';
import type { ListedMessage, Source, SourceFolder } from './ends.js';
import type { HostAccount } from './host-account.js';
import { textOf } from './host-mailbox.js';

export class HostSource implements Source {
  readonly name: string;
  readonly #mailboxes: AccountMailboxes;

  constructor({ address, mailboxes }: HostAccount) {
    this.name = address;
    this.#mailboxes = mailboxes;
  }

  async folders(): Promise<readonly string[]> {
    return (await this.#mailboxes.list()).flatMap(({ name, isSelectable }) => (isSelectable ? [name] : []));
  }

  async open(folder: string): Promise<SourceFolder> {
    const view = await this.#mailboxes.select(folder, 'read-only');
    try {
      const messages: ListedMessage[] = [];
      for (const uid of view.uids) {
        const message = await listed(view, uid);
        if (message !== undefined) messages.push(message);
      }
      return {
        generation: String(view.uidValidity),
        messages,
        texts: async function* (wanted) {
          for (const { id } of wanted) yield await textOf(view, Number(id)).catch((error: unknown) => asError(error));
        },
        close: async () => view.close(),
      };
    } catch (error) {
      view.close();
      throw error;
    }
  }

  subscriptions(): Promise<readonly string[]> {
    return this.#mailboxes.subscriptions();
  }

  async close(): Promise<void> {}
}

/** undefined when it is gone. */
async function listed(view: MailboxView, uid: number): Promise<ListedMessage | undefined> {
  const sequence = view.sequenceOf(uid);
  const [flags, facts] = [view.flagsAt(sequence), await view.facts(sequence)];
  if (flags === undefined || facts === undefined) return undefined;
  const keywords = [...keywordNames(flags, view.keywords), ...view.otherKeywordsAt(sequence)];
  return { id: String(uid), flags, keywords, internalDateMs: facts.internalDateMs, sizeBytes: facts.sizeBytes };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
