// Every recorded Maildir, opened by us: the same UIDs, UIDVALIDITY, flags, keywords, dates and sizes as the server that left it told its clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagBits } from '../../../src/formats/mailbox/message-flags.js';
import type { MailboxView } from '../../../src/stores/mailboxes/mailbox-view.js';
import { recordedAccount, type ToldMessage, toldAccounts } from './recorded-accounts.js';

const recordings = [
  'courier-basic',
  'courier-keywords',
  'courier-then-dovecot',
  'dovecot-basic',
  'dovecot-inbox-prefix',
  'dovecot-pop3',
  'mime-dovecot',
];

const flagNames: readonly [bit: number, name: string][] = [
  [flagBits.answered, '\\Answered'],
  [flagBits.deleted, '\\Deleted'],
  [flagBits.draft, '\\Draft'],
  [flagBits.flagged, '\\Flagged'],
  [flagBits.seen, '\\Seen'],
];

function flagsAt(view: MailboxView, sequence: number): string[] {
  const bits = view.flagsAt(sequence) ?? 0;
  const lettered = view.keywords.slice(0, 26).filter((name, number) => name !== undefined && bits & (1 << number));
  const system = flagNames.filter(([bit]) => bits & bit).map(([, name]) => name);
  return [...system, ...lettered.map(String), ...view.otherKeywordsAt(sequence)].sort();
}

async function messagesOf(view: MailboxView): Promise<ToldMessage[]> {
  const messages: ToldMessage[] = [];
  for (let sequence = 1; sequence <= view.count; sequence++) {
    const facts = await view.facts(sequence);
    assert.ok(facts);
    const [, day, month, year, time] =
      /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(facts.internalDateMs).toUTCString()) ?? [];
    messages.push({
      uid: view.uids[sequence - 1] ?? 0,
      flags: flagsAt(view, sequence),
      internalDate: `${day}-${month}-${year} ${time} +0000`,
      size: facts.wireBytes,
    });
  }
  return messages;
}

/** Without a UID list a new UIDVALIDITY is made. */
const madeAnew: ReadonlySet<string> = new Set(['mime-dovecot']);
/** What is meant to be otherwise here than the server said. */
const keywordsInIndexOnly = /^(kw2[6-9]|NonJunk)$/;

for (const recording of recordings) {
  for (const told of toldAccounts(recording)) {
    // Where both servers' files lie side by side, Dovecot's count.
    if (recording === 'courier-then-dovecot' && told.server === 'courier') continue;
    test(`${recording}: as ${told.server} told it`, async (t) => {
      const { account } = recordedAccount(t, recording);
      const ours = (name: string): string => (name === 'INBOX' ? name : name.slice(told.prefix.length));
      const selectable = (await account.list()).filter(({ isSelectable }) => isSelectable).map(({ name }) => name);
      assert.deepEqual(selectable.sort(), told.names.map(ours).sort());
      for (const [name, folder] of told.folders) {
        // A name that Dovecot lists and does not open.
        if (folder.status.UIDVALIDITY === undefined) continue;
        const status = await account.status(ours(name));
        if (!madeAnew.has(recording)) assert.equal(status.uidValidity, folder.status.UIDVALIDITY, name);
        assert.equal(status.uidNext, folder.status.UIDNEXT, name);
        assert.equal(status.messages, folder.status.MESSAGES, name);
        assert.equal(status.unseen, folder.status.UNSEEN, name);
        const view = await account.select(ours(name), 'read-only');
        const expected = folder.messages.map((message) => ({
          ...message,
          flags: message.flags.filter((flag) => !keywordsInIndexOnly.test(flag)).sort(),
        }));
        assert.deepEqual(await messagesOf(view), expected, name);
        view.close();
      }
    });
  }
}
