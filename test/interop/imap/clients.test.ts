// Programs that people read mail with, against our server: Python's imaplib, curl, fetchmail, getmail, mbsync.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { testPassword, testUser } from '../../support/imap-host.js';
import { needs } from '../../support/needs.js';
import { run } from '../../support/program.js';
import { home, mailbox, message, mustSucceed } from './client-mailbox.js';
import { syncBothWays } from './two-way-sync.js';

const imaplib = `
import imaplib, sys
box = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
ok(box.login(sys.argv[2], sys.argv[3]))
assert ok(box.select('INBOX')) == [b'3']
assert ok(box.create('Work')) and ok(box.subscribe('Work'))
assert ok(box.lsub()) == [b'() "." Work'], box.lsub()
assert ok(box.append('Work', '(\\\\Seen)', imaplib.Time2Internaldate(1772323200), b'Subject: x\\r\\n\\r\\ny\\r\\n'))
assert ok(box.status('Work', '(MESSAGES UNSEEN)')) == [b'Work (MESSAGES 1 UNSEEN 0)']
assert ok(box.search(None, 'SUBJECT', 'two')) == [b'2']
assert ok(box.fetch('2', '(BODY[TEXT])'))[0][1] == b'body of two\\r\\n'
assert ok(box.store('2', '+FLAGS', '\\\\Deleted'))
assert ok(box.copy('1', 'Work'))
assert ok(box.expunge()) == [b'2']
assert ok(box.uid('SEARCH', None, 'ALL')) == [b'1 3']
assert ok(box.sort('REVERSE SUBJECT', 'UTF-8', 'ALL')) == [b'2 1']
assert ok(box.rename('Work', 'Job')) and ok(box.delete('Job'))
assert ok(box.noop()) and ok(box.check()) and ok(box.close())
assert box.logout()[0] == 'BYE'
`;

test('Python imaplib', async (t) => {
  if (!needs(t, 'python3')) return;
  const host = await mailbox(t);
  mustSucceed(await run(['python3', '-', `${host.port}`, testUser, testPassword], imaplib), host);
  assert.deepEqual(host.log, []);
});

test('curl: lists, fetches, searches, appends', async (t) => {
  if (!needs(t, 'curl')) return;
  const host = await mailbox(t);
  const curl = async (...args: string[]): Promise<string> =>
    mustSucceed(await run(['curl', '-sS', '--user', `${testUser}:${testPassword}`, ...args]), host).stdout;
  const url = `imap://127.0.0.1:${host.port}`;
  assert.match(await curl(`${url}/`), /^\* LIST \(\\HasNoChildren\) "\." INBOX\r\n$/);
  assert.equal(await curl(`${url}/INBOX;MAILINDEX=2`), message('two').replaceAll('\n', '\r\n'));
  assert.equal(await curl(`${url}/INBOX;UID=3;SECTION=TEXT`), 'body of three\r\n');
  assert.match(await curl(`${url}/INBOX?SUBJECT%20three`), /^\* SEARCH 3\r\n$/);
  const file = path.join(home(t), 'four');
  writeFileSync(file, message('four').replaceAll('\n', '\r\n'));
  await curl(`${url}/INBOX`, '--upload-file', file);
  assert.equal(host.names().length, 4);
});

test('fetchmail and getmail fetch all, and leave or delete it', async (t) => {
  if (!needs(t, 'fetchmail', 'getmail')) return;
  const host = await mailbox(t);
  const folder = home(t);
  const maildir = path.join(folder, 'Maildir');
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(path.join(maildir, part), { recursive: true });
  const account = [`username = ${testUser}`, `password = ${testPassword}`, 'server = 127.0.0.1', `port = ${host.port}`];
  const rc = ['[retriever]', 'type = SimpleIMAPRetriever', ...account, 'mailboxes = ("INBOX",)'];
  const destination = ['[destination]', 'type = Maildir', `path = ${maildir}/`];
  // It delivers for nobody as root.
  if (process.getuid?.() === 0) {
    destination.push('user = nobody');
    chmodSync(folder, 0o755);
    await run(['chown', '-R', 'nobody', maildir]);
  }
  writeFileSync(path.join(folder, 'getmailrc'), [...rc, ...destination, '[options]', 'read_all = true', ''].join('\n'));
  mustSucceed(await run(['getmail', '--getmaildir', folder], '', { HOME: folder }), host);
  assert.equal(readdirSync(path.join(maildir, 'new')).length, 3);
  assert.equal(host.names().length, 3);

  const fetchmailrc = path.join(folder, 'fetchmailrc');
  const taken = path.join(folder, 'taken');
  const poll = `poll 127.0.0.1 protocol imap port ${host.port} user "${testUser}" password "${testPassword}"`;
  writeFileSync(fetchmailrc, `${poll} sslproto "" fetchall mda "cat >>${taken}"\n`, { mode: 0o600 });
  const fetchmail = ['fetchmail', '-f', fetchmailrc, '--pidfile', path.join(folder, 'pid')];
  mustSucceed(await run(fetchmail, '', { HOME: folder, FETCHMAILHOME: folder }), host);
  for (const subject of ['one', 'two', 'three'])
    assert.ok(readFileSync(taken, 'latin1').includes(`body of ${subject}`));
  assert.deepEqual(host.names(), []);
});

test('mbsync: both ways, again and again, under change on both sides', async (t) => {
  if (!needs(t, 'mbsync')) return;
  await syncBothWays(t, {
    configuration: ({
      port,
      near,
    }) => `IMAPAccount far\nHost 127.0.0.1\nPort ${port}\nUser ${testUser}\nPass ${testPassword}\nSSLType None\nAuthMechs LOGIN\n
IMAPStore far\nAccount far\n
MaildirStore near\nPath ${near}/\nInbox ${near}/INBOX\nSubFolders Verbatim\n
Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSync All\nSyncState *\n`,
    command: (rc) => ['mbsync', '-c', rc, '-a'],
  });
});
