// A session from the greeting to its end: logging in, states, what is said unasked, limits.

import assert from 'node:assert/strict';
import { renameSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { changeAccount, setField } from '../../support/account-change.js';
import { ImapClient } from '../../support/imap-client.js';
import { imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { testAccounts } from '../../support/reading-host.js';
import { oneCertificate } from '../../support/server-tls.js';

const elsewhere = { remoteIp: '192.0.2.7', localIp: '192.0.2.1' };

test('greeting, CAPABILITY, ID, NOOP, LOGIN, LOGOUT', async (t) => {
  const host = await imapHost(t);
  const client = await host.connect();
  const [list, done] = await client.ask('CAPABILITY');
  assert.match(list ?? '', /^\* CAPABILITY IMAP4rev1 .*SASL-IR .*LITERAL\+.* AUTH=PLAIN/);
  assert.equal(done, 'OK Capability completed.');
  assert.deepEqual(await client.ask('ID ("name" "x" "version" NIL)'), ['* ID ("name" "vqmail")', 'OK ID completed.']);
  assert.deepEqual(await client.ask('id nil'), ['* ID ("name" "vqmail")', 'OK ID completed.']);
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.']);
  assert.equal(await client.tagged('SELECT INBOX'), 'BAD Error in IMAP command SELECT: Please log in first.');
  assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK \[CAPABILITY IMAP4rev1 .*\] Logged in$/);
  assert.equal(await client.tagged('LOGIN a b'), 'BAD Error in IMAP command LOGIN: Unknown command.');
  assert.equal(await client.tagged('NOSUCH'), 'BAD Error in IMAP command NOSUCH: Unknown command.');
  assert.equal(await client.tagged('NOOP x'), 'BAD Error in IMAP command NOOP: Unexpected extra arguments.');
  assert.deepEqual(await client.ask('LOGOUT'), ['* BYE Logging out', 'OK Logout completed.']);
  assert.equal(await client.closed(), '');
  assert.deepEqual(host.log, []);
});

test('LOGIN with literals, wrong passwords, and the end of patience', async (t) => {
  const host = await imapHost(t, { limits: { maxFailedLogins: 3 } });
  const client = await host.connect();
  const wrong = 'NO [AUTHENTICATIONFAILED] Authentication failed.';
  assert.equal(await client.tagged(`LOGIN ${testUser} wrong`), wrong);
  assert.equal(await client.tagged('LOGIN nobody@mailtest.example.jp x'), wrong);
  client.send(`a LOGIN {${testUser.length}}\r\n`);
  assert.equal(await client.response(), '+ OK');
  client.send(`${testUser} {8+}\r\npassword\r\n`);
  assert.match(await client.response(), /^a OK /);
  const other = await host.connect();
  for (let count = 0; count < 3; count++) assert.equal(await other.tagged(`LOGIN ${testUser} wrong`), wrong);
  assert.equal(await other.closed(), '* BYE Too many failed logins.\r\n');
  assert.match(host.log[0] ?? '', /^vchkpw-webmail: password fail test@mailtest\.example\.jp:127\.0\.0\.1$/);
});

test('AUTHENTICATE: at once, in two steps, cancelled, unknown', async (t) => {
  const host = await imapHost(t);
  const secret = Buffer.from(`\0${testUser}\0${testPassword}`).toString('base64');
  const client = await host.connect();
  assert.equal(await client.tagged('AUTHENTICATE NOSUCH'), 'NO [CANNOT] Unsupported authentication mechanism.');
  client.send('a AUTHENTICATE PLAIN\r\n');
  assert.equal(await client.response(), '+ ');
  client.send('*\r\n');
  assert.equal(await client.response(), 'a BAD Authentication aborted by client.');
  client.send('b AUTHENTICATE PLAIN\r\n');
  assert.equal(await client.response(), '+ ');
  client.send(`${secret}\r\n`);
  assert.match(await client.response(), /^b OK \[CAPABILITY /);
  const other = await host.connect();
  assert.match(await other.tagged(`AUTHENTICATE PLAIN ${secret}`), /^OK \[CAPABILITY /);
});

test('STARTTLS: a password is not taken before it, and what came in clear behind it counts for nothing', async (t) => {
  const host = await imapHost(t, { tls: await oneCertificate() });
  const client = await host.connectAs(elsewhere);
  const [list = ''] = await client.ask('CAPABILITY');
  assert.match(list, / STARTTLS LOGINDISABLED/);
  assert.doesNotMatch(list, /AUTH=PLAIN|AUTH=LOGIN/);
  assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^NO \[PRIVACYREQUIRED\] /);
  client.send('a STARTTLS\r\nb LOGIN someone password\r\n');
  assert.equal(await client.response(), 'a OK Begin TLS negotiation now.');
  await client.secure();
  const [secured = ''] = await client.ask('CAPABILITY');
  assert.match(secured, / AUTH=PLAIN/);
  assert.doesNotMatch(secured, /STARTTLS|LOGINDISABLED/);
  assert.match(await client.tagged('STARTTLS'), /^BAD /);
  assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK /);
});

test('SELECT and EXAMINE say what there is, in the order that is expected', async (t) => {
  const host = await imapHost(t);
  host.put('new/1.a', 'Subject: a\n\na\n');
  host.put('cur/2.b:2,S', 'Subject: b\n\nb\n');
  host.makeFolder('Work');
  const client = await host.loggedIn();
  const flags = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';
  const shown = (await client.ask('SELECT INBOX')).map((line) => line.replace(/\b\d{6,}\b|\([0-9a-f]{32}\)/g, 'N'));
  assert.deepEqual(shown, [
    `* FLAGS (${flags})`,
    `* OK [PERMANENTFLAGS (${flags} \\*)] Flags permitted.`,
    '* 2 EXISTS',
    '* 2 RECENT',
    '* OK [UNSEEN 1] First unseen.',
    '* OK [UIDVALIDITY N] UIDs valid',
    '* OK [UIDNEXT 3] Predicted next UID',
    '* OK [HIGHESTMODSEQ N] Highest',
    '* OK [MAILBOXID N] Ok',
    'OK [READ-WRITE] Select completed.',
  ]);
  const examined = await client.ask('EXAMINE Work');
  assert.equal(examined[0], '* OK [CLOSED] Previous mailbox closed.');
  assert.equal(examined[2], '* OK [PERMANENTFLAGS ()] Read-only mailbox.');
  assert.equal(examined.at(-1), 'OK [READ-ONLY] Examine completed.');
  assert.deepEqual(await client.ask('SELECT nosuch'), [
    '* OK [CLOSED] Previous mailbox closed.',
    "NO [NONEXISTENT] Mailbox doesn't exist: nosuch.",
  ]);
  assert.equal(
    await client.tagged('SELECT a..b'),
    'NO [CANNOT] Invalid mailbox name: Has adjacent hierarchy separators.',
  );
  assert.equal(
    await client.tagged('SELECT INBOX (QRESYNC (1 2))'),
    'BAD Error in IMAP command SELECT: QRESYNC is not enabled.',
  );
});

test('what others do is told at the next command', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', 'a\n');
  host.put('cur/2.b:2,', 'b\n');
  const client = await host.loggedIn('INBOX');
  host.put('new/3.c', 'c\n');
  assert.deepEqual(await client.ask('NOOP'), ['* 3 EXISTS', '* 3 RECENT', 'OK NOOP completed.']);
  renameSync(path.join(host.maildir(), 'cur/1.a:2,'), path.join(host.maildir(), 'cur/1.a:2,FS'));
  assert.deepEqual(await client.ask('NOOP'), ['* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))', 'OK NOOP completed.']);
  unlinkSync(path.join(host.maildir(), 'cur/1.a:2,FS'));
  assert.deepEqual(await client.ask('NOOP'), ['* 1 EXPUNGE', '* 2 RECENT', 'OK NOOP completed.']);
  assert.deepEqual(await client.ask('ENABLE QRESYNC X-NOTHING'), ['* ENABLED QRESYNC', 'OK Enabled.']);
  unlinkSync(path.join(host.maildir(), 'cur/2.b:2,'));
  assert.deepEqual(await client.ask('NOOP'), ['* VANISHED 2', '* 1 RECENT', 'OK NOOP completed.']);
});

test('QRESYNC: a client that comes back hears what has happened since', async (t) => {
  const host = await imapHost(t);
  for (const name of ['1.a', '2.b', '3.c', '4.d']) host.put(`cur/${name}:2,`, `${name}\n`);
  const first = await host.loggedIn('INBOX');
  const told = (await first.ask('SELECT INBOX')).join('\n');
  const uidValidity = /UIDVALIDITY (\d+)/.exec(told)?.[1];
  const modSeq = /HIGHESTMODSEQ (\d+)/.exec(told)?.[1];
  unlinkSync(path.join(host.maildir(), 'cur/2.b:2,'));
  renameSync(path.join(host.maildir(), 'cur/3.c:2,'), path.join(host.maildir(), 'cur/3.c:2,S'));
  await first.ask('NOOP');
  const again = await host.loggedIn();
  await again.ask('ENABLE QRESYNC');
  const news = await again.ask(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq} 1:4 (1,3 1,3)))`);
  assert.ok(news.includes('* VANISHED (EARLIER) 2'), news.join('\n'));
  assert.match(news.at(-2) ?? '', /^\* 2 FETCH \(UID 3 FLAGS \(\\Seen\) MODSEQ \(\d+\)\)$/);
  const other = await again.ask(`SELECT INBOX (QRESYNC (1 ${modSeq}))`);
  assert.ok(!other.some((line) => /VANISHED|FETCH/.test(line)), 'another UIDVALIDITY: nothing is known');
});

test('a mailbox that is removed under a session ends it', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Work');
  const client = await host.loggedIn('Work');
  rmSync(path.join(host.maildir(), '.Work'), { recursive: true });
  client.send('a NOOP\r\n');
  assert.equal(await client.closed(), '* BYE IMAP session state is inconsistent, please relogin.\r\n');
});

test('a command about other mailboxes is answered before the session ends for the selected one, which is gone', async (t) => {
  const host = await imapHost(t);
  for (const folder of ['Work', 'Old']) host.makeFolder(folder);
  const client = await host.loggedIn('Work');
  rmSync(path.join(host.maildir(), '.Work'), { recursive: true });
  client.send('a RENAME Old New\r\n');
  assert.equal(
    await client.closed(),
    'a OK Rename completed.\r\n* BYE IMAP session state is inconsistent, please relogin.\r\n',
  );
});

test('hostile input ends in BAD or BYE', async (t) => {
  const host = await imapHost(t, { limits: { maxLineBytes: 1000 } });
  const bad = await host.connect();
  bad.send('\r\nx\r\na \x80\r\n');
  assert.match(
    await bad.closed(),
    /^(\* BAD [^\r]*\r\n|a BAD [^\r]*\r\n){3}\* BYE Too many invalid IMAP commands\.\r\n$/,
  );
  const long = await host.connect();
  long.send(`a LOGIN ${'x'.repeat(2000)}`);
  assert.equal(await long.closed(), '* BYE Input line is too long.\r\n');
  const literal = await host.connect();
  assert.equal(await literal.tagged('LOGIN {5000}'), 'BAD Too long argument.');
  literal.send('a APPEND x {99999999+}\r\n');
  assert.match(await literal.closed(), /^a BAD .*\r\n\* BYE Too long argument\.\r\n$/);
});

test('draining: a session that waits is told, and the last one is waited for', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn('INBOX');
  const drained = host.server.drain();
  assert.equal(await client.closed(), '* BYE Server shutting down.\r\n');
  client.destroy();
  await drained;
});

test('the session of an account with another password ends, at once when it waits', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn('INBOX');
  changeAccount(path.join(host.root, testAccounts), 'test', setField(1, '$1$aaaaaaaa$aaaaaaaaaaaaaaaaaaaaaa'));
  host.sessions.recheck('all');
  assert.equal(await client.closed(), '* BYE The account has changed, log in again.\r\n');
});

test('a session goes on where it cannot be told whether its account is what it was', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn('INBOX');
  assert.equal(host.sessions.size, 1);
  rmSync(path.join(host.root, '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb'));
  rmSync(path.join(host.root, '/var/qmail/users/cdb'));
  host.sessions.recheck('all');
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.'], 'what cannot be told ends nothing');
});

test('silence: before login, and after it', async (t) => {
  const host = await imapHost(t, { limits: { loginMs: 50, idleMs: 50 } });
  const silent = await host.connect();
  assert.equal(await silent.closed(), '* BYE Disconnected for inactivity.\r\n');
  const client = await host.loggedIn('INBOX');
  assert.equal(await client.closed(), '* BYE Disconnected for inactivity.\r\n');
});

test('IMAP4rev2: no RECENT and UNSEEN, the mailbox by name, searches as ESEARCH', async (t) => {
  const host = await imapHost(t);
  host.put('new/1.a', 'a\n');
  const client = await host.loggedIn();
  assert.deepEqual(await client.ask('ENABLE IMAP4rev2'), ['* ENABLED IMAP4rev2', 'OK Enabled.']);
  const told = await client.ask('SELECT INBOX');
  assert.ok(!told.some((line) => /RECENT|UNSEEN/.test(line)), told.join('\n'));
  assert.ok(told.includes('* LIST () "." INBOX'));
  assert.match((await client.ask('FETCH 1 FLAGS'))[0] ?? '', /FLAGS \(\)/);
  assert.match((await client.ask('SEARCH ALL'))[0] ?? '', /^\* ESEARCH \(TAG "t\d+"\) ALL 1$/);
});

test('imaps: the handshake comes first, and a password is taken', async (t) => {
  const host = await imapHost(t, { tls: await oneCertificate(), login: { logSuccess: true } });
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => host.server.handle(socket, 'imaps'));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const client = await ImapClient.connect((listener.address() as net.AddressInfo).port, '127.0.0.9');
  t.after(() => client.destroy());
  await client.secure();
  const greeting = await client.response();
  assert.match(greeting, /^\* OK \[CAPABILITY .* AUTH=PLAIN/);
  assert.doesNotMatch(greeting, /STARTTLS|LOGINDISABLED/);
  assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK /);
  assert.deepEqual(host.log, [`vchkpw-imaps: (PLAIN) login success ${testUser}:127.0.0.9`]);
});
