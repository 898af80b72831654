// What left a mailbox while no process of ours had it open: a client that comes back and asks what has vanished since must be told.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../../src/log.js';
import type { MailboxView } from '../../../src/stores/mailboxes/mailbox-view.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { newMaildir, owner } from '../../support/maildir.js';

/** A process that was not there before. */
function opened(maildir: string): Promise<MailboxView> {
  return new OpenMailboxes({ log: silentLog }).account(maildir, owner).select('INBOX', 'read-write');
}

test('a message that another program removed meanwhile is told, once, with a mod-sequence of its own', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'a\n', 'cur/2.b:2,S': 'b\n', 'cur/3.c:2,': 'c\n' });
  const before = await opened(maildir);
  const told = before.highestModSeq;
  before.close();
  rmSync(path.join(maildir, 'cur/2.b:2,S'));
  const after = await opened(maildir);
  assert.deepEqual([...after.uids], [1, 3]);
  assert.deepEqual(after.vanishedSince(told), [{ first: 2, last: 2 }]);
  assert.ok(after.highestModSeq > told);
  after.close();
  const later = await opened(maildir);
  assert.equal(later.highestModSeq, after.highestModSeq);
  assert.deepEqual(later.vanishedSince(after.highestModSeq), []);
  later.close();
});
