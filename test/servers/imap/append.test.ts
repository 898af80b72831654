// APPEND and REPLACE: messages on their way into a mailbox.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { imapHost } from '../../support/imap-host.js';

const message = 'Subject: a\r\n\r\nbody\r\n';
const literal = `{${message.length}+}\r\n${message}`;

test('APPEND: flags, keywords, a date; the file is as Dovecot writes it', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn('INBOX');
  assert.deepEqual(
    (await client.ask(`APPEND INBOX (\\Seen $Label1) "24-Nov-2020 02:49:18 +0200" ${literal}`)).map((line) =>
      line.replace(/\d{6,}/, 'V'),
    ),
    [
      '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label1)',
      '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label1 \\*)] Flags permitted.',
      '* 1 EXISTS',
      '* 1 RECENT',
      'OK [APPENDUID V 1] Append completed.',
    ],
  );
  const [name = ''] = host.names();
  assert.match(name, /^cur\/.*,S=17,W=20:2,Sa$/);
  assert.equal(readFileSync(path.join(host.maildir(), name), 'latin1'), message.replaceAll('\r', ''));
});

test('APPEND waits for a message that is announced, and refuses it before it is sent', async (t) => {
  const host = await imapHost(t, { settings: { appendLimit: 1000 } });
  const client = await host.loggedIn();
  client.send(`a APPEND {5}\r\n`);
  assert.equal(await client.response(), '+ OK');
  client.send(`INBOX () {${message.length}}\r\n`);
  assert.equal(await client.response(), '+ OK');
  client.send(`${message}\r\n`);
  assert.match(await client.response(), /^a OK \[APPENDUID \d+ 1\] Append completed\.$/);
  assert.equal(await client.tagged('APPEND nosuch {20}'), "NO [TRYCREATE] Mailbox doesn't exist: nosuch.");
  assert.equal(await client.tagged('APPEND INBOX {2000}'), 'NO [TOOBIG] The message is too large.');
  assert.equal(await client.tagged('APPEND INBOX {0}'), "NO [CANNOT] Can't save a zero byte message.");
  assert.equal(
    await client.tagged('APPEND INBOX (\\Recent) {10}'),
    'BAD Error in IMAP command APPEND: Invalid system flag \\RECENT.',
  );
  assert.equal(await client.tagged('APPEND INBOX "today" {10}'), 'BAD Error in IMAP command APPEND: Invalid date.');
  assert.equal(await client.tagged('APPEND INBOX'), 'BAD Error in IMAP command APPEND: Missing arguments.');
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.'], 'the session goes on');
  assert.equal(host.names().length, 1);
});

test('the limit is told, and with databytes it is what the control file says', async (t) => {
  const host = await imapHost(t, { settings: { appendLimit: 'databytes' } });
  const client = await host.loggedIn();
  const told = async (): Promise<string[]> => {
    const [capability = ''] = await client.ask('CAPABILITY');
    const [status = ''] = await client.ask('STATUS INBOX (APPENDLIMIT)');
    return [/ APPENDLIMIT=(\d+)/.exec(capability)?.[1] ?? '', status];
  };
  assert.deepEqual(await told(), ['1073741824', '* STATUS INBOX (APPENDLIMIT 1073741824)'], 'databytes limits nothing');
  writeFileSync(path.join(host.root, 'var/qmail/control/databytes'), '500\n');
  assert.deepEqual(await told(), ['500', '* STATUS INBOX (APPENDLIMIT 500)']);
  assert.equal(await client.tagged('APPEND INBOX {501}'), 'NO [TOOBIG] The message is too large.');
});

test('a message that is not waited with is read away when it is refused', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  const trap = 'x LOGOUT\r\n'.repeat(3);
  const two = `{${trap.length}+}\r\n${trap} (\\Seen) {${trap.length}+}\r\n${trap}`;
  assert.equal(await client.tagged(`APPEND nosuch ${two}`), "NO [TRYCREATE] Mailbox doesn't exist: nosuch.");
  assert.match(await client.tagged(`APPEND INBOX (]) ${two}`), /^(BAD|NO) /);
  assert.match(await client.tagged(`APPEND INBOX {2+}\r\nab ~x ${two}`), /^BAD /);
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.']);
  assert.deepEqual(host.names(), [], 'of several messages all or none');
});

test('MULTIAPPEND: several messages with one answer', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  assert.match(
    await client.tagged(
      `APPEND INBOX (\\Seen) ${literal} ${literal} (\\Draft) "01-Jan-2020 00:00:00 +0000" ${literal}`,
    ),
    /^OK \[APPENDUID \d+ 1:3\] Append completed\.$/,
  );
  assert.equal(host.names().length, 3);
});

test('literal8 and UTF8', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  assert.match(await client.tagged(`APPEND INBOX ~{6+}\r\na\0b\r\nc`), /^OK /);
  assert.match(await client.tagged(`APPEND INBOX UTF8 (~{3+}\r\nabc)`), /^OK /);
  assert.match(await client.tagged(`APPEND INBOX UTF8 (~{3+}\r\nabc`), /^BAD /);
  assert.equal(host.names().length, 2);
});

test('a binary part is kept in base64, so that its bytes come back', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  const header = 'MIME-Version: 1.0\r\nContent-Type: application/x-any\r\nContent-Transfer-Encoding: binary\r\n\r\n';
  const body = '\0-\xe4\n\r\n\n\n';
  assert.match(await client.tagged(`APPEND INBOX ~{${header.length + body.length}+}\r\n${header}${body}`), /^OK /);
  await client.ask('SELECT INBOX');
  assert.deepEqual(await client.ask('FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1] BODY.PEEK[1])'), [
    `* 1 FETCH (BINARY.SIZE[1] 8 BINARY[1] ~{8}\r\n${body} BODY[1] {12}\r\n${Buffer.from(body, 'latin1').toString('base64')})`,
    'OK Fetch completed.',
  ]);
});

test('over quota: refused before it is sent', async (t) => {
  const host = await imapHost(t);
  host.setQuota('1000S');
  const client = await host.loggedIn();
  assert.equal(await client.tagged('APPEND INBOX {2000}'), 'NO [OVERQUOTA] Quota exceeded (mailbox for user is full).');
  assert.match(await client.tagged(`APPEND INBOX ${literal}`), /^OK /);
});

test('REPLACE: the new message is there, the old one is gone', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,S', 'a\n');
  host.put('cur/2.b:2,S', 'b\n');
  const client = await host.loggedIn('INBOX');
  const told = (await client.ask(`REPLACE 1 INBOX (\\Draft) ${literal}`)).map((line) => line.replace(/\d{6,}/, 'V'));
  assert.deepEqual(told, [
    '* OK [APPENDUID V 3] Replacement message ready.',
    '* 1 EXPUNGE',
    '* 2 EXISTS',
    '* 2 RECENT',
    'OK Replace completed.',
  ]);
  assert.match(await client.tagged(`UID REPLACE 2 INBOX ${literal}`), /^OK /);
  assert.match(await client.tagged(`UID REPLACE 99 INBOX ${literal}`), /^NO \[NONEXISTENT\] /);
  assert.match(await client.tagged(`REPLACE 1 INBOX ${literal} ${literal}`), /^BAD /);
  assert.equal(host.names().length, 2);
});

test('a client that goes in the middle of a message leaves nothing', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn();
  client.send('a APPEND INBOX {1000+}\r\nhalf of it');
  client.socket.end();
  await client.closed();
  assert.deepEqual(host.names(), []);
  assert.deepEqual(host.log, []);
});
