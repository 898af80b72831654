// What a view is told of changes that another view of the same process makes meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { flagBits } from '../../../src/formats/mailbox/message-flags.js';
import { imapHost } from '../../support/imap-host.js';

test('a view that is brought up to date in the middle of a large change of flags misses none of it', async (t) => {
  const host = await imapHost(t);
  const count = 1000;
  for (let number = 1; number <= count; number++) host.put(`cur/${number}.a:2,`, 'a\n');
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const account = host.mailboxes.account(host.maildir(), owner, { quota: '' });
  const [changing, listening] = [
    await account.select('INBOX', 'read-write'),
    await account.select('INBOX', 'read-write'),
  ];
  t.after(() => {
    changing.close();
    listening.close();
  });
  const sequences = Array.from({ length: count }, (_, index) => index + 1);
  let isStored = false;
  const storing = changing.store(sequences, { mode: 'add', flags: flagBits.seen, keywords: [] }).then(() => {
    isStored = true;
  });
  const told = new Set<number>();
  let takes = 0;
  for (let isLast = false; !isLast; ) {
    isLast = isStored;
    for (const { sequence } of listening.takeChanges({ mayExpunge: false }).flags) told.add(sequence);
    takes++;
    await nextTurn();
  }
  await storing;
  assert.ok(takes > 2);
  assert.equal(told.size, count);
});
