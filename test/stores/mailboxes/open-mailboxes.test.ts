// Which mailboxes stay in memory when nobody has them open.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../../src/log.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { newMaildir, owner } from '../../support/maildir.js';

test('the mailbox that was used last stays, however large; another one in its place lets it go', (t) => {
  const open = new OpenMailboxes({ log: silentLog, keptMessages: 0 });
  const [first, second] = [newMaildir(t, {}), newMaildir(t, {})];
  const use = (directory: string): object => {
    const { mailbox, release } = open.take({ directory, root: directory, owner });
    release();
    return mailbox;
  };
  const before = use(first);
  assert.equal(use(first), before);
  use(second);
  assert.notEqual(use(first), before);
});
