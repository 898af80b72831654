// What an account of a host shows of its mail, in a few words: mailboxes with their messages as `FLAGS KEYWORDS TIME Subject: ...`, in the order of their UIDs.

import fs from 'node:fs';
import path from 'node:path';
import { openHostAccount } from '../../migrate/copy/host-account.js';
import { flagText, keywordNames } from '../../migrate/flag-text.js';
import type { Layout } from '../../src/layout.js';

export interface SeenMailbox {
  readonly name: string;
  readonly messages: readonly string[];
  readonly isSubscribed?: true;
}

export async function seenMailboxes(layout: Layout, address: string): Promise<SeenMailbox[]> {
  const { mailboxes } = openHostAccount(layout, address);
  const subscribed = await mailboxes.subscriptions();
  const seen: SeenMailbox[] = [];
  for (const { name, isSelectable } of await mailboxes.list()) {
    if (!isSelectable) continue;
    const view = await mailboxes.select(name, 'read-only');
    const messages: string[] = [];
    for (let sequence = 1; sequence <= view.count; sequence++) {
      const flags = view.flagsAt(sequence) ?? 0;
      const opened = await view.openMessage(sequence);
      if (opened === undefined) continue;
      const keywords = [...keywordNames(flags, view.keywords), ...view.otherKeywordsAt(sequence)];
      const [subject] = /^Subject: .*$/m.exec(fs.readFileSync(opened.fd, 'latin1')) ?? [];
      messages.push(`${flagText({ flags, keywords })} ${Math.floor(opened.internalDateMs / 1000)} ${subject}`.trim());
      opened.close();
    }
    view.close();
    seen.push({ name, messages, ...(subscribed.includes(name) && { isSubscribed: true }) });
  }
  return seen;
}

/** Removes the locks that a killed process has left in a Maildir; one that does not name its holder is waited for a while. */
export function withoutDeadLocks(maildir: string): void {
  for (const name of fs.readdirSync(maildir, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('dovecot-uidlist.lock')) fs.rmSync(path.join(maildir, name));
}
