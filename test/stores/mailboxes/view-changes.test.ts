// What a view is told of changes that another view of the same process makes meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { flagBits } from '../../../src/formats/mailbox/message-flags.js';
import { lineLog } from '../../../src/log.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
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

test('what another process enters right behind a change of ours is seen at the next look', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', 'a\n');
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const theirs = new OpenMailboxes({ log: lineLog(() => {}) }).account(host.maildir(), owner, { quota: '' });
  const view = await host.mailboxes.account(host.maildir(), owner, { quota: '' }).select('INBOX', 'read-write');
  t.after(() => view.close());
  for (let round = 1; round <= 30; round++) {
    const target = await theirs.append('INBOX');
    await target.next({ flags: flagBits.seen, keywords: [], internalDateMs: undefined, sizeBytes: 2 });
    await target.write(Buffer.from('b\n'));
    await target.finish();
    await view.store([1], { mode: round % 2 === 0 ? 'add' : 'remove', flags: flagBits.flagged, keywords: [] });
    await target.commit();
    await view.sync();
    view.takeChanges({ mayExpunge: false });
    assert.equal(view.count, round + 1);
  }
});
