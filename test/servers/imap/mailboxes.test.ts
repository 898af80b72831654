// Commands about mailboxes: LIST and its kin, STATUS, making, removing, renaming, subscribing, quota, namespaces.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { imapHost } from '../../support/imap-host.js';

test('LIST: names, parents that are none, patterns, references', async (t) => {
  const host = await imapHost(t);
  for (const name of ['Work.Proj', 'Sent', '&ZeVnLIqe-', 'with blank', 'a.b.c']) host.makeFolder(name);
  writeFileSync(path.join(host.maildir(), '.notafolder'), '');
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask('LIST "" ""'), ['* LIST (\\Noselect) "." ""', 'OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" *'), [
    '* LIST (\\HasNoChildren) "." INBOX',
    '* LIST (\\HasNoChildren) "." &ZeVnLIqe-',
    '* LIST (\\HasNoChildren \\Sent) "." Sent',
    '* LIST (\\Noselect \\HasChildren) "." Work',
    '* LIST (\\HasNoChildren) "." Work.Proj',
    '* LIST (\\Noselect \\HasChildren) "." a',
    '* LIST (\\Noselect \\HasChildren) "." a.b',
    '* LIST (\\HasNoChildren) "." a.b.c',
    '* LIST (\\HasNoChildren) "." "with blank"',
    'OK List completed.',
  ]);
  assert.deepEqual(await client.ask('LIST "" W%'), [
    '* LIST (\\Noselect \\HasChildren) "." Work',
    'OK List completed.',
  ]);
  assert.deepEqual(await client.ask('LIST Work. %'), ['* LIST (\\HasNoChildren) "." Work.Proj', 'OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" inbox'), ['* LIST (\\HasNoChildren) "." INBOX', 'OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" a*c'), ['* LIST (\\HasNoChildren) "." a.b.c', 'OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" a%c'), ['OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" (W* Sent)'), [
    '* LIST (\\HasNoChildren \\Sent) "." Sent',
    '* LIST (\\NonExistent \\HasChildren) "." Work',
    '* LIST (\\HasNoChildren) "." Work.Proj',
    'OK List completed.',
  ]);
});

test('a pattern of many wildcards costs no time', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('a'.repeat(200));
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask(`LIST "" "${'*a%'.repeat(1000)}b"`), ['OK List completed.']);
});

test('LIST-EXTENDED, LIST-STATUS, SPECIAL-USE: selections and what is returned', async (t) => {
  const host = await imapHost(t);
  for (const name of ['Sent', 'Gesendet', 'Work', 'Work.A', 'Work.A.B']) host.makeFolder(name);
  host.put('.Work/new/1.a', 'a\n');
  const client = await host.loggedIn();
  for (const name of ['Work.A.B', 'Sent', 'Work'])
    assert.equal(await client.tagged(`SUBSCRIBE ${name}`), 'OK Subscribe completed.');
  await client.ask('DELETE Sent');
  assert.deepEqual(await client.ask('LIST (SUBSCRIBED) "" *'), [
    '* LIST (\\Subscribed \\HasChildren) "." Work',
    '* LIST (\\Subscribed \\HasNoChildren) "." Work.A.B',
    '* LIST (\\Subscribed \\NonExistent \\HasNoChildren) "." Sent',
    'OK List completed.',
  ]);
  assert.deepEqual(await client.ask('LIST (SUBSCRIBED RECURSIVEMATCH) "" Work.%'), [
    '* LIST (\\HasChildren) "." Work.A ("CHILDINFO" ("SUBSCRIBED"))',
    'OK List completed.',
  ]);
  assert.match(await client.tagged('LIST (RECURSIVEMATCH) "" *'), /^BAD /);
  assert.deepEqual(await client.ask('LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE)'), [
    '* LIST (\\HasNoChildren \\Sent) "." Gesendet',
    'OK List completed.',
  ]);
  assert.deepEqual(await client.ask('LIST "" (W%) RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UNSEEN))'), [
    '* LIST (\\Subscribed \\HasChildren) "." Work',
    '* STATUS Work (MESSAGES 1 UNSEEN 1)',
    'OK List completed.',
  ]);
  assert.match(await client.tagged('LIST "" * RETURN (NOSUCH)'), /^BAD /);
});

test('CREATE-SPECIAL-USE: a use goes where the mailbox goes, and comes before names', async (t) => {
  const host = await imapHost(t);
  for (const name of ['Sent', 'Trash']) host.makeFolder(name);
  const client = await host.loggedIn();
  const uses = async (): Promise<string[]> => {
    const lines = (await client.ask('LIST (SPECIAL-USE) "" *')).slice(0, -1);
    return lines.map((line) => line.replace('* LIST (\\HasNoChildren ', '').replace(') "." ', ' '));
  };
  assert.match(await client.tagged('CREATE Mine (USE (\\sent \\Archive))'), /^OK \[MAILBOXID /);
  assert.deepEqual(await uses(), ['\\Sent \\Archive Mine', '\\Trash Trash']);
  assert.equal(readFileSync(path.join(host.maildir(), '.Mine/vq-special-use'), 'latin1'), '\\Sent\n\\Archive\n');
  assert.equal(await client.tagged('CREATE Other (USE (\\Sent))'), 'NO [USEATTR] There is a mailbox for that: Mine.');
  assert.equal(await client.tagged('CREATE Other (USE (\\All))'), 'NO [USEATTR] No mailbox can be for \\All here.');
  assert.match(await client.tagged('CREATE Other (FOO (\\Sent))'), /^BAD /);
  assert.ok(!existsSync(path.join(host.maildir(), '.Other')));
  await client.ask('RENAME Mine Theirs');
  assert.deepEqual(await uses(), ['\\Sent \\Archive Theirs', '\\Trash Trash']);
  await client.ask('DELETE Theirs');
  assert.deepEqual(await uses(), ['\\Sent Sent', '\\Trash Trash']);
});

test('LSUB: subscribed names, and names above them where % hides those', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Work.Proj');
  const client = await host.loggedIn();
  assert.equal(await client.tagged('SUBSCRIBE nosuch'), "NO [NONEXISTENT] Mailbox doesn't exist: nosuch.");
  await client.ask('SUBSCRIBE Work.Proj');
  await client.ask('SUBSCRIBE inbox');
  assert.deepEqual(await client.ask('LSUB "" *'), [
    '* LSUB () "." Work.Proj',
    '* LSUB () "." INBOX',
    'OK Lsub completed.',
  ]);
  assert.deepEqual(await client.ask('LSUB "" %'), [
    '* LSUB () "." INBOX',
    '* LSUB (\\Noselect) "." Work',
    'OK Lsub completed.',
  ]);
  await client.ask('UNSUBSCRIBE Work.Proj');
  assert.deepEqual(await client.ask('LSUB "" %'), ['* LSUB () "." INBOX', 'OK Lsub completed.']);
});

test('CREATE, RENAME, DELETE', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  assert.match(await client.tagged('CREATE Work.Proj.'), /^OK \[MAILBOXID \([0-9a-f]{32}\)\] Create completed\.$/);
  assert.ok(existsSync(path.join(host.maildir(), '.Work.Proj/maildirfolder')));
  assert.equal(await client.tagged('CREATE Work.Proj'), 'NO [ALREADYEXISTS] Mailbox already exists.');
  assert.match(await client.tagged('CREATE x/y'), /^NO \[CANNOT\] /);
  assert.match(await client.tagged('CREATE foo&bar'), /^NO \[CANNOT\] /);
  assert.match(await client.tagged('CREATE inbox'), /^NO \[ALREADYEXISTS\] /);
  assert.match(await client.tagged('CREATE Spam (USE (\\Junk))'), /^OK /);
  assert.match(await client.tagged('CREATE Other (USE (\\Junk))'), /^NO \[USEATTR\] /);
  host.put('.Work.Proj/cur/1.a:2,', 'a\n');
  const uidValidity = async (name: string): Promise<string | undefined> =>
    (await client.ask(`STATUS ${name} (UIDVALIDITY)`))[0]?.replace(/^.* /, '');
  const before = await uidValidity('Work.Proj');
  assert.equal(await client.tagged('RENAME nosuch New'), "NO [NONEXISTENT] Mailbox doesn't exist: nosuch.");
  assert.equal(await client.tagged('RENAME Work Job'), 'OK Rename completed.', 'those below go along');
  assert.equal(await client.tagged('RENAME Job.Proj New'), 'OK Rename completed.');
  assert.equal(await uidValidity('New'), before);
  await client.ask('SELECT New');
  assert.deepEqual(await client.ask('DELETE New'), ['* OK [CLOSED] Previous mailbox closed.', 'OK Delete completed.']);
  assert.equal(await client.tagged('DELETE New'), "NO [NONEXISTENT] Mailbox doesn't exist: New.");
  assert.match(await client.tagged('DELETE INBOX'), /^NO \[CANNOT\] /);
  host.put('new/2.b', 'b\n');
  assert.equal(await client.tagged('RENAME INBOX Old'), 'OK Rename completed.');
  assert.deepEqual(await client.ask('STATUS Old (MESSAGES)'), ['* STATUS Old (MESSAGES 1)', 'OK Status completed.']);
});

test('STATUS', async (t) => {
  const host = await imapHost(t);
  host.put('new/1.a', 'Subject: a\n\na\n');
  host.put('cur/2.b:2,ST', 'b\n');
  const client = await host.loggedIn();
  const [line = ''] = await client.ask(
    'STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT)',
  );
  assert.match(
    line,
    /^\* STATUS INBOX \(MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY \d+ UNSEEN 1 DELETED 1 SIZE 20 HIGHESTMODSEQ \d+ MAILBOXID \([0-9a-f]{32}\) APPENDLIMIT \d+\)$/,
  );
  assert.match(await client.tagged('STATUS INBOX (NOSUCH)'), /^BAD /);
  assert.match(await client.tagged('STATUS INBOX ()'), /^BAD /);
  assert.equal(await client.tagged('STATUS nosuch (MESSAGES)'), "NO [NONEXISTENT] Mailbox doesn't exist: nosuch.");
});

test('names with the prefix INBOX. , as Courier has them', async (t) => {
  const host = await imapHost(t, { settings: { prefix: 'INBOX.' } });
  host.makeFolder('Work.Proj');
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask('NAMESPACE'), ['* NAMESPACE (("INBOX." ".")) NIL NIL', 'OK Namespace completed.']);
  assert.deepEqual(await client.ask('LIST "" %'), ['* LIST (\\HasChildren) "." INBOX', 'OK List completed.']);
  assert.deepEqual(await client.ask('LIST "" INBOX.*'), [
    '* LIST (\\Noselect \\HasChildren) "." INBOX.Work',
    '* LIST (\\HasNoChildren) "." INBOX.Work.Proj',
    'OK List completed.',
  ]);
  assert.match(await client.tagged('SELECT INBOX.Work.Proj'), /^OK /);
  assert.match(await client.tagged('SELECT Work.Proj'), /^NO \[CANNOT\] .*INBOX\./);
  assert.match(await client.tagged('CREATE INBOX.New'), /^OK /);
  assert.ok(existsSync(path.join(host.maildir(), '.New')));
});

test('names in UTF-8 once that is enabled', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('&ZeVnLIqe-');
  const client = await host.loggedIn();
  const japanese = Buffer.from('日本語').toString('latin1');
  assert.match(await client.tagged(`SELECT "${japanese}"`), /^NO \[CANNOT\] /);
  await client.ask('ENABLE UTF8=ACCEPT');
  assert.match(await client.tagged(`SELECT "${japanese}"`), /^OK /);
  assert.deepEqual(await client.ask(`LIST "" "${japanese.slice(0, 3)}%"`), [
    `* LIST (\\HasNoChildren) "." "${japanese}"`,
    'OK List completed.',
  ]);
  assert.match(await client.tagged('CREATE R&D'), /^OK /);
  assert.ok(existsSync(path.join(host.maildir(), '.R&-D')));
});

test('quota: as vpasswd limits the account', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a,S=2048:2,', 'x'.repeat(2048));
  const unlimited = await host.loggedIn();
  assert.deepEqual(await unlimited.ask('GETQUOTAROOT INBOX'), ['* QUOTAROOT INBOX', 'OK Getquotaroot completed.']);
  assert.match(await unlimited.tagged('GETQUOTA "User quota"'), /^NO \[NONEXISTENT\] /);
  host.setQuota('10485760S,1000C');
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask('GETQUOTAROOT INBOX'), [
    '* QUOTAROOT INBOX "User quota"',
    '* QUOTA "User quota" (STORAGE 2 10240 MESSAGE 1 1000)',
    'OK Getquotaroot completed.',
  ]);
  assert.deepEqual(await client.ask('GETQUOTA "User quota"'), [
    '* QUOTA "User quota" (STORAGE 2 10240 MESSAGE 1 1000)',
    'OK Getquota completed.',
  ]);
});

test('mailboxes that every account has', async (t) => {
  const host = await imapHost(t, { settings: { autocreate: ['Trash'], autosubscribe: ['Sent'] } });
  mkdirSync(path.join(host.maildir(), '.Trash'));
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask('LIST "" (Sent Trash) RETURN (SUBSCRIBED)'), [
    '* LIST (\\Subscribed \\HasNoChildren \\Sent) "." Sent',
    '* LIST (\\HasNoChildren \\Trash) "." Trash',
    'OK List completed.',
  ]);
  assert.deepEqual(host.log, []);
});

test('CLOSE expunges, UNSELECT and EXAMINE do not; both need a mailbox', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,T', 'a\n');
  const client = await host.loggedIn('INBOX');
  assert.deepEqual(await client.ask('CHECK'), ['OK Check completed.']);
  assert.deepEqual(await client.ask('UNSELECT'), ['OK Unselect completed.']);
  assert.equal(host.names().length, 1);
  await client.ask('EXAMINE INBOX');
  assert.deepEqual(await client.ask('CLOSE'), ['OK Close completed.']);
  assert.equal(host.names().length, 1);
  await client.ask('SELECT INBOX');
  assert.deepEqual(await client.ask('CLOSE'), ['OK Close completed.']);
  assert.deepEqual(host.names(), []);
  assert.equal(await client.tagged('CLOSE'), 'BAD Error in IMAP command CLOSE: No mailbox selected.');
});
