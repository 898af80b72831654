// A Maildir that only Courier has served, with --uidl dovecot: the ids of POP3 and the UIDs and keywords of IMAP go on, whichever of the two opens it first.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileReads } from '../../../src/files/file-reads.js';
import { silentLog } from '../../../src/log.js';
import { Mailbox as PopMailbox } from '../../../src/servers/pop3/mailbox.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { TransferSizes } from '../../../src/stores/maildir/transfer-sizes.js';
import { newMaildir, owner } from '../../support/maildir.js';

const shared = { log: silentLog, sizes: new TransferSizes(), reads: new FileReads() };

async function popIds(maildir: string): Promise<string[]> {
  const mailbox = await PopMailbox.open(path.dirname(maildir), owner, 'dovecot', shared);
  return Array.from({ length: mailbox?.count ?? 0 }, (_, index) => mailbox?.uidlOf(index + 1) ?? '');
}

async function imapMessages(maildir: string): Promise<string[]> {
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  const view = await account.select('INBOX', 'read-only');
  const messages = [...view.uids].map((uid, index) => {
    const bits = view.flagsAt(index + 1) ?? 0;
    return `${uid} ${view.keywords.filter((_, number) => bits & (1 << number)).join(' ')}`;
  });
  view.close();
  return [`${view.uidValidity}`, ...messages];
}

/** Three messages; Courier's POP3 server knows the first two, its IMAP server the last two when it was ever asked. */
function couriers(t: TestContext, { hasImap }: { readonly hasImap: boolean }): string {
  const maildir = newMaildir(t, { 'cur/1.a,S=2:2,S': 'a\n', 'cur/2.b,S=2:2,': 'b\n', 'cur/3.c,S=2:2,': 'c\n' });
  writeFileSync(
    path.join(maildir, 'courierpop3dsizelist'),
    '/3 8 1795487263\n1.a,S=2:2,S 3 4:1795487263:0\n2.b,S=2:2, 3 7:1795487263:0\n',
  );
  if (!hasImap) return maildir;
  writeFileSync(path.join(maildir, 'courierimapuiddb'), '1 795485978 9\n5 2.b,S=2\n8 3.c,S=2\n');
  mkdirSync(path.join(maildir, 'courierimapkeywords'));
  writeFileSync(path.join(maildir, 'courierimapkeywords/:list'), 'Later\n\n3.c,S=2:0\n');
  return maildir;
}

for (const first of ['POP3', 'IMAP'])
  test(`${first} opens it first`, async (t) => {
    const maildir = couriers(t, { hasImap: true });
    if (first === 'IMAP') await imapMessages(maildir);
    const ids = await popIds(maildir);
    assert.deepEqual(ids, ['UID4-1795487263', 'UID7-1795487263', '000000082f6a271a']);
    assert.deepEqual(await imapMessages(maildir), ['795485978', '5 ', '8 Later', '9 ']);
    assert.deepEqual(await popIds(maildir), ids);
  });

for (const first of ['POP3', 'IMAP'])
  test(`no IMAP server was ever there, and ${first} opens it first`, async (t) => {
    const maildir = couriers(t, { hasImap: false });
    if (first === 'IMAP') await imapMessages(maildir);
    const ids = await popIds(maildir);
    assert.deepEqual(ids.slice(0, 2), ['UID4-1795487263', 'UID7-1795487263']);
    assert.deepEqual((await imapMessages(maildir)).slice(1), ['1 ', '2 ', '3 ']);
    assert.deepEqual(await popIds(maildir), ids);
  });
