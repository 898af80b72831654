// STORE, COPY, MOVE, EXPUNGE in a session.

import assert from 'node:assert/strict';
import { unlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost } from '../../support/imap-host.js';

const text = 'Subject: hello\n\nHello.\n';

/** A session for which no message is recent. */
async function secondSession(host: ImapHost): Promise<ImapClient> {
  const first = await host.loggedIn('INBOX');
  await first.ask('LOGOUT');
  return host.loggedIn('INBOX');
}

test('STORE tells what has changed, and nothing else', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', text);
  host.put('cur/2.b:2,', text);
  const client = await secondSession(host);
  const done = 'OK Store completed.';
  assert.deepEqual(await client.ask('STORE 1 +FLAGS (\\Seen)'), ['* 1 FETCH (FLAGS (\\Seen))', done]);
  assert.deepEqual(await client.ask('STORE 1 +FLAGS \\Seen'), [done]);
  assert.deepEqual(await client.ask('STORE 1:2 +FLAGS.SILENT (\\Answered)'), [done]);
  assert.deepEqual(await client.ask('UID STORE 2 FLAGS ($New \\Flagged)'), [
    '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)',
    '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New \\*)] Flags permitted.',
    '* 2 FETCH (UID 2 FLAGS (\\Flagged $New))',
    done,
  ]);
  assert.deepEqual(await client.ask('STORE 2 -FLAGS ()'), [done]);
  assert.deepEqual(await client.ask('STORE 2 FLAGS ()'), ['* 2 FETCH (FLAGS ())', done]);
  assert.deepEqual(host.names(), ['cur/1.a:2,RS', 'cur/2.b:2,']);
  const bad = 'BAD Error in IMAP command STORE:';
  assert.equal(await client.tagged('STORE 1 +FLAGS (\\Recent)'), `${bad} Invalid system flag \\RECENT.`);
  assert.equal(await client.tagged('STORE 9 +FLAGS (x)'), `${bad} Invalid messageset.`);
  assert.equal(await client.tagged('STORE 1 X (x)'), `${bad} Invalid arguments.`);
  assert.equal(await client.tagged('STORE 1 (FOO 1) FLAGS (x)'), `${bad} Unknown STORE modifier.`);
  assert.equal(await client.tagged('UID STORE 9 +FLAGS (x)'), done);
  await client.ask('EXAMINE INBOX');
  assert.equal(await client.tagged('STORE 1 FLAGS ()'), 'OK Store ignored with read-only mailbox.');
});

test('STORE UNCHANGEDSINCE leaves alone what others changed', async (t) => {
  const host = await imapHost(t);
  for (const name of ['1.a', '2.b', '3.c']) host.put(`cur/${name}:2,`, text);
  const client = await secondSession(host);
  await client.ask('ENABLE CONDSTORE');
  const modSeq = async (): Promise<number> => {
    const answers = await client.ask('FETCH 1:3 MODSEQ');
    return Math.max(...answers.map((answer) => Number(/MODSEQ \((\d+)\)/.exec(answer)?.[1] ?? 0)));
  };
  const known = await modSeq();
  const other = await host.loggedIn('INBOX');
  await other.ask('STORE 2 +FLAGS.SILENT (\\Flagged)');
  const answers = await client.ask(`STORE 1:2 (UNCHANGEDSINCE ${known}) +FLAGS (\\Seen)`);
  assert.equal(answers.at(-1), 'OK [MODIFIED 2] Conditional store failed.');
  assert.ok(answers.some((answer) => /^\* 1 FETCH \(MODSEQ \(\d+\) FLAGS \(\\Seen\)\)$/.test(answer)));
  assert.ok(answers.some((answer) => /^\* 2 FETCH \(MODSEQ \(\d+\) FLAGS \(\\Flagged\)\)$/.test(answer)));
  assert.equal(
    await client.tagged('UID STORE 3 (UNCHANGEDSINCE 1) FLAGS ()'),
    'OK [MODIFIED 3] Conditional store failed.',
  );
  const silent = await client.ask(`STORE 3 (UNCHANGEDSINCE ${await modSeq()}) +FLAGS.SILENT (\\Seen)`);
  assert.match(silent[0] ?? '', /^\* 3 FETCH \(MODSEQ \(\d+\)\)$/);
});

test('COPY and MOVE', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Work');
  for (const name of ['1.a', '2.b', '3.c', '4.d']) host.put(`cur/${name}:2,S`, text);
  const client = await secondSession(host);
  assert.match(await client.tagged('UID COPY 4,2,1:2 Work'), /^OK \[COPYUID \d+ 1:2,4 1:3\] Copy completed\.$/);
  assert.equal(await client.tagged('COPY 1 nosuch'), "NO [TRYCREATE] Mailbox doesn't exist: nosuch.");
  assert.equal(await client.tagged('COPY 9 Work'), 'BAD Error in IMAP command COPY: Invalid messageset.');
  assert.equal(await client.tagged('UID COPY 9 Work'), 'OK No messages found.');
  assert.equal(await client.tagged('MOVE 1 nosuch'), "NO [TRYCREATE] Mailbox doesn't exist: nosuch.");
  const moved = await client.ask('MOVE 2:3 Work');
  assert.match(moved[0] ?? '', /^\* OK \[COPYUID \d+ 2:3 4:5\] Moved UIDs\.$/);
  assert.deepEqual(moved.slice(1), ['* 3 EXPUNGE', '* 2 EXPUNGE', 'OK Move completed.']);
  assert.equal(host.names('Work').length, 5);
  assert.equal(host.names().length, 2);
  await client.ask('ENABLE QRESYNC');
  const last = await client.ask('UID MOVE 4 Work');
  assert.match(last[0] ?? '', /^\* OK \[COPYUID \d+ 4 6\] Moved UIDs\.$/);
  assert.equal(last[1], '* VANISHED 4');
  assert.match(last.at(-1) ?? '', /^OK \[HIGHESTMODSEQ \d+\] Move completed\.$/);
});

test('EXPUNGE and UID EXPUNGE', async (t) => {
  const host = await imapHost(t);
  for (const name of ['1.a', '2.b', '3.c', '4.d']) host.put(`cur/${name}:2,T`, text);
  host.put('cur/5.e:2,', text);
  const client = await secondSession(host);
  assert.deepEqual(await client.ask('UID EXPUNGE 2,5'), ['* 2 EXPUNGE', 'OK Expunge completed.']);
  assert.equal(await client.tagged('UID EXPUNGE'), 'BAD Error in IMAP command UID EXPUNGE: Invalid messageset.');
  assert.equal(await client.tagged('EXPUNGE 1'), 'BAD Error in IMAP command EXPUNGE: Unexpected extra arguments.');
  assert.deepEqual(await client.ask('EXPUNGE'), ['* 3 EXPUNGE', '* 2 EXPUNGE', '* 1 EXPUNGE', 'OK Expunge completed.']);
  assert.deepEqual(host.names(), ['cur/5.e:2,']);
  await client.ask('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ask('EXAMINE INBOX');
  assert.deepEqual(await client.ask('EXPUNGE'), ['OK Expunge completed.']);
  assert.deepEqual(host.names(), ['cur/5.e:2,T']);
});

test('messages that another session has expunged: flags for the others, copies by number of none, by UID of the others', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Work');
  for (const name of ['1.a', '2.b', '3.c']) host.put(`cur/${name}:2,S`, text);
  const client = await secondSession(host);
  unlinkSync(path.join(host.maildir(), 'cur/1.a:2,S'));
  assert.equal(
    await client.tagged('STORE 1:2 +FLAGS.SILENT (\\Flagged)'),
    'OK [EXPUNGEISSUED] Some messages were already expunged.',
  );
  assert.deepEqual(host.names(), ['cur/2.b:2,FS', 'cur/3.c:2,S']);
  assert.deepEqual(await client.ask('NOOP'), ['* 1 EXPUNGE', 'OK NOOP completed.']);
  unlinkSync(path.join(host.maildir(), 'cur/2.b:2,FS'));
  const refused = await client.ask('COPY 1:2 Work');
  assert.equal(refused.at(-1), 'NO [EXPUNGEISSUED] Some of the requested messages no longer exist.');
  assert.deepEqual(host.names('Work'), []);
  unlinkSync(path.join(host.maildir(), 'cur/3.c:2,S'));
  host.put('cur/4.d:2,S', text);
  await client.ask('NOOP');
  host.put('cur/5.e:2,S', text);
  await client.ask('NOOP');
  unlinkSync(path.join(host.maildir(), 'cur/4.d:2,S'));
  assert.match(await client.tagged('UID COPY 4:5 Work'), /^OK \[COPYUID \d+ 5 1\] Copy completed\.$/);
});

test('UIDONLY: messages are named by UIDs alone', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Work');
  for (const name of ['1.a', '2.b', '3.c']) host.put(`cur/${name}:2,`, text);
  const client = await secondSession(host);
  await client.ask('UID STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ask('EXPUNGE');
  assert.deepEqual(await client.ask('ENABLE UIDONLY'), ['* ENABLED UIDONLY', 'OK Enabled.']);
  for (const command of [
    'FETCH 1 FLAGS',
    'STORE 1 FLAGS ()',
    'SEARCH ALL',
    'SORT (DATE) UTF-8 ALL',
    'THREAD REFERENCES UTF-8 ALL',
    'COPY 1 Work',
    'MOVE 1 Work',
    'REPLACE 1 Work {3+}\r\nabc',
    'UID SEARCH NOT 1:2',
    'UID SORT (DATE) UTF-8 OR ALL 1',
  ])
    assert.match(await client.tagged(command), /^BAD \[UIDREQUIRED\] /, command);
  assert.deepEqual(await client.ask('UID FETCH 1:* (FLAGS)'), [
    '* 2 UIDFETCH (FLAGS ())',
    '* 3 UIDFETCH (FLAGS ())',
    'OK Fetch completed.',
  ]);
  assert.deepEqual(await client.ask('UID FETCH 3 (UID BODY[]<0.4>)'), [
    '* 3 UIDFETCH (UID 3 FLAGS (\\Seen) BODY[]<0> {4}\r\nSubj)',
    'OK Fetch completed.',
  ]);
  assert.equal((await client.ask('UID STORE 2 +FLAGS (\\Deleted)'))[0], '* 2 UIDFETCH (FLAGS (\\Deleted))');
  assert.deepEqual(await client.ask('UID SEARCH RETURN (SAVE ALL) ALL'), [
    '* ESEARCH (TAG "t19") UID ALL 2:3',
    'OK Search completed.',
  ]);
  assert.match(await client.tagged('UID SEARCH $'), /^OK /);
  assert.deepEqual(await client.ask('EXPUNGE'), ['* VANISHED 2', 'OK Expunge completed.']);
  await client.ask('ENABLE QRESYNC');
  const selected = await client.ask('SELECT INBOX (QRESYNC (1 1 1:5 (1:2 1:2)))');
  assert.match(selected.at(-1) ?? '', /^BAD \[UIDREQUIRED\] /);
  await client.ask('UNSELECT');
  await client.ask('CREATE Other');
  host.put('.Other/cur/4.d:2,', text);
  assert.ok(!(await client.ask('SELECT Other')).some((line) => line.includes('UNSEEN')));
});
