// Names of copies: that of the message, and where it cannot be that, a new one with both sizes or none. A name with S= alone is what Dovecot 2.3 makes a wrong W= of at its second copy.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../../src/log.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { filesOf, newMaildir, owner } from '../../support/maildir.js';

test('a second copy has both sizes, or none', async (t) => {
  const maildir = newMaildir(t, {
    'cur/1.a,S=2:2,': 'a\n',
    'cur/2.b,S=2,W=3:2,S': 'b\n',
    'cur/3.c:2,': 'c\n',
    'cur/4.d,S=99,W=100:2,': 'd\n',
  });
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  await account.create('Work');
  const view = await account.select('INBOX', 'read-write');
  for (let time = 0; time < 2; time++) await view.copyTo(account, 'Work', [1, 2, 3, 4], 'skip');
  view.close();
  const names = filesOf(path.join(maildir, '.Work')).map((name) => name.replace(/^cur\/\d{5,}\.[^,:]*/, 'NEW'));
  assert.deepEqual(names.sort(), [
    ...['NEW,S=2,W=3:2,S', 'NEW:2,', 'NEW:2,', 'NEW:2,', 'NEW:2,', 'NEW:2,'],
    ...['cur/1.a,S=2:2,', 'cur/2.b,S=2,W=3:2,S'],
  ]);
});
