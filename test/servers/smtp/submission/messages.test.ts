// What is asked of a user's message and done for it: the sender, what there may be of them within an hour, their size, Date and Message-ID, the Received line.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type { SenderCheck } from '../../../../src/servers/smtp/submission/policy.js';
import { changeAccount, removeAccount, setField } from '../../../support/account-change.js';
import { oneCertificate } from '../../../support/server-tls.js';
import type { SmtpClient } from '../../../support/smtp-client.js';
import { authPlain, domainDirectory, stranger, user, userHost } from '../../../support/user-host.js';

const elsewhere = 'RCPT TO:<x@elsewhere.example>';

/** Sends a message. Gives the last reply. */
async function send(client: SmtpClient, text = 'Subject: x\r\n\r\nhello', sender = user): Promise<string> {
  for (const line of [`MAIL FROM:<${sender}>`, elsewhere, 'DATA']) {
    const reply = (await client.command(line)) ?? 'closed';
    if (!/^[23]/.test(reply)) return reply;
  }
  return (await client.command(`${text}\r\n.`)) ?? 'closed';
}

const own = { '.qmail-sales': `&${user}\n`, '.qmail-other': '&hanako@mailtest.example.jp\n' };
const senders: readonly [sender: string, allowedBy: readonly SenderCheck[], why: string][] = [
  [user, ['own', 'domain', 'any'], 'the account'],
  ['Test@MailTest.example.jp', ['own', 'domain', 'any'], 'in any case'],
  ['test-list@mailtest.example.jp', ['own', 'domain', 'any'], 'an extension'],
  ['sales@mailtest.example.jp', ['own', 'domain', 'any'], 'an alias that leads to it'],
  ['', ['own', 'domain', 'any'], 'the empty sender of a receipt'],
  ['hanako@mailtest.example.jp', ['domain', 'any'], 'another account'],
  ['other@mailtest.example.jp', ['domain', 'any'], "another's alias"],
  ['nobody@mailtest.example.jp', ['domain', 'any'], 'an address that does not exist'],
  ['test@elsewhere.example', ['any'], 'the same name elsewhere'],
  ['test@sub.mailtest.example.jp', ['any'], 'a domain below'],
  ['test', ['any'], 'no domain'],
];

for (const check of ['own', 'domain', 'any'] as const) {
  test(`--sender-check ${check}`, async (t) => {
    const host = await userHost(t, { policy: { senderCheck: check } });
    for (const [name, text] of Object.entries(own)) host.file(name, text);
    const client = await host.loggedIn();
    for (const [sender, allowedBy, why] of senders) {
      const reply = await client.command(`MAIL FROM:<${sender}>`);
      const refusal = `553 5.7.1 sorry, <${sender}> is not an address of ${user}`;
      assert.equal(reply, allowedBy.includes(check) ? '250 ok' : refusal, why);
    }
    if (check === 'own')
      assert.match(host.log(), /^submission: refused sender <test> client 127\.0\.0\.1 login test@\S+: 553 5\.7\.1 /m);
  });
}

test('a refused sender leaves no transaction; a sender that cannot be looked at is put off', async (t) => {
  const host = await userHost(t);
  const client = await host.loggedIn();
  host.file('.qmail-broken', '\n&x@elsewhere.example\n');
  assert.match((await client.command('MAIL FROM:<hanako@mailtest.example.jp>')) ?? '', /^553 5\.7\.1 /);
  assert.equal(await client.command(elsewhere), '503 MAIL first (#5.5.1)');
  assert.match((await client.command('MAIL FROM:<broken@mailtest.example.jp>')) ?? '', /^451 4\.2\.1 /);
  assert.match(await send(client), /^250 ok /);
});

test('badmailfrom counts for users too', async (t) => {
  const host = await userHost(t);
  host.control('badmailfrom', `${user}\n`);
  const client = await host.loggedIn();
  assert.equal(await send(client), '553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)');
});

test('who has logged in may relay, on smtp too; who has not may not', async (t) => {
  for (const flavour of ['submission', 'smtp'] as const) {
    const host = await userHost(t, { flavour });
    assert.match(await send(await host.loggedIn()), /^250 ok /, flavour);
    assert.equal(host.messages[0]?.recipients.join(), 'x@elsewhere.example');
    const client = await host.greeted();
    assert.match(await send(client), flavour === 'smtp' ? /^553 sorry, that domain/ : /^530 /);
  }
});

test('NO_SMTP shuts out, with the answer of a wrong password', async (t) => {
  const host = await userHost(t);
  const noSmtp = 0x800;
  changeAccount(path.join(host.root, domainDirectory), 'test', setField(3, String(noSmtp)));
  const client = await host.greeted();
  await client.command('EHLO phone.example');
  assert.equal(await client.command(authPlain), '535 authentication failed (#5.7.1)');
  assert.match(host.log(), /^vchkpw-submission: smtp access denied test@mailtest\.example\.jp:127\.0\.0\.1$/m);
});

test('a session ends when its account may not go on', async (t) => {
  const host = await userHost(t);
  const client = await host.loggedIn();
  await client.command(`MAIL FROM:<${user}>`);
  changeAccount(path.join(host.root, domainDirectory), 'test', removeAccount);
  host.sessions.recheck('all');
  assert.equal(await client.reply(), '421 4.7.0 the account has changed, log in again');
  assert.equal(await client.closed(), '');
  assert.equal(host.sessions.size, 0);
  assert.match(host.log(), /^submission: the session of test@mailtest\.example\.jp ends: the account was removed$/m);
});

test('Received says who it was, and how', async (t) => {
  const tls = await oneCertificate();
  const host = await userHost(t, { tls, flavour: 'smtps' });
  await send(await host.loggedIn(stranger));
  const trace =
    /^Received: from unknown \(HELO phone\.example\) \(test@mailtest\.example\.jp@192\.0\.2\.7\)\n {2}by mail\.example\.gr\.jp with ESMTPSA \(TLSv1\.3 \S+ encrypted\); /m;
  assert.match(host.messages[0]?.text ?? '', trace);
  const inClear = await userHost(t);
  await send(await inClear.loggedIn());
  assert.match(inClear.messages[0]?.text ?? '', /^ {2}by mail\.example\.gr\.jp with ESMTPA; /m);
});

test('--hide-client: where a user sends from stands in the log alone', async (t) => {
  const host = await userHost(t, { policy: { hidesClient: true } });
  const client = await host.loggedIn({ remoteIp: '127.0.0.99', localIp: '127.0.0.1' });
  await send(client, 'Subject: x\r\n\r\nhello');
  const text = host.messages[0]?.text ?? '';
  assert.match(text, /^Received: from unknown \(test@mailtest\.example\.jp@unknown\)\n {2}by \S+ with ESMTPA; /m);
  assert.doesNotMatch(text, /127\.0\.0|phone\.example/);
  assert.match(host.log(), /^submission: accepted .* client 127\.0\.0\.99 login test@mailtest\.example\.jp$/m);
});

test('--hide-client: not of those who have not logged in', async (t) => {
  const host = await userHost(t, { flavour: 'smtp', policy: { hidesClient: true } });
  host.rules(':allow,RELAYCLIENT=""');
  await send(await host.greeted());
  assert.match(host.messages[0]?.text ?? '', /^Received: from unknown \(127\.0\.0\.1\)$/m);
});

const headers: readonly [sent: string, header: RegExp, why: string][] = [
  [
    'Subject: x\r\n\r\nhello',
    /\n {2}by [^\n]*\nSubject: x\nDate: \d+ \w{3} \d{4} [\d:]{8} -0000\nMessage-ID: <\d{14}\.\d+\.qmail@mail\.example\.gr\.jp>\n\nhello\n$/,
    'both added',
  ],
  ['Date: a\r\nMessage-id: <b>\r\n\r\nhello', /\nDate: a\nMessage-id: <b>\n\nhello\n$/, 'both there'],
  ['no header', /\nDate: [^\n]*\nMessage-ID: [^\n]*\n\nno header\n$/, 'no header'],
];

for (const [sent, header, why] of headers) {
  test(`Date and Message-ID: ${why}`, async (t) => {
    const host = await userHost(t);
    assert.match(await send(await host.loggedIn(), sent), /^250 ok /);
    assert.match(host.messages[0]?.text ?? '', header);
  });
}

test('Message-ID: of control/idhost; of nobody who has not logged in', async (t) => {
  const host = await userHost(t, { flavour: 'smtp' });
  host.control('idhost', 'ids.example\n');
  await send(await host.loggedIn());
  assert.match(host.messages[0]?.text ?? '', /\nMessage-ID: <[^@]*@ids\.example>\n/);
  host.rules(':allow,RELAYCLIENT=""');
  await send(await host.greeted());
  assert.match(host.messages[1]?.text ?? '', /\nSubject: x\n\nhello\n$/);
});

test('the size limit', async (t) => {
  const host = await userHost(t);
  host.control('databytes', '2000\n');
  const client = await host.loggedIn();
  const tooBig = '552 sorry, that message size exceeds my databytes limit (#5.3.4)';
  assert.equal(await client.command(`MAIL FROM:<${user}> SIZE=2001`), tooBig);
  assert.equal(await send(client, `Subject: x\r\n\r\n${'x'.repeat(2000)}`), tooBig);
  assert.match(await send(client, `Subject: x\r\n\r\n${'x'.repeat(1985)}`), /^250 ok /, 'what is added is not counted');
});

test('--rate-messages: 4xx and a line in the log', async (t) => {
  const host = await userHost(t, { policy: { messagesPerHour: 2 } });
  const client = await host.loggedIn();
  for (let n = 0; n < 2; n++) assert.match(await send(client), /^250 ok /);
  assert.equal(
    await send(client),
    '450 4.7.1 you have sent as much as you may within an hour, try again in 60 minutes',
  );
  const other = await host.loggedIn();
  assert.match(await send(other), /^450 4\.7\.1 /, 'over all sessions of a user');
  assert.match(host.log(), /^warning: test@mailtest\.example\.jp has sent 2 messages within an hour and is put off/m);
});

test('--rate-recipients: so many, and no more', async (t) => {
  const host = await userHost(t, { policy: { recipientsPerHour: 3 } });
  const client = await host.loggedIn();
  await client.command(`MAIL FROM:<${user}>`);
  for (let n = 0; n < 3; n++) assert.equal(await client.command(`RCPT TO:<x${n}@elsewhere.example>`), '250 ok');
  assert.match((await client.command('RCPT TO:<x4@elsewhere.example>')) ?? '', /^450 4\.7\.1 /);
  const other = await host.loggedIn();
  assert.match(await send(other), /^250 ok /, 'recipients that were not sent to count for nothing');
  assert.match((await client.command('DATA')) ?? '', /^450 4\.7\.1 /, 'and then there are too few left');
  assert.equal(host.messages.length, 1);
});

test('MAIL FROM with AUTH= and other parameters', async (t) => {
  const host = await userHost(t);
  const client = await host.loggedIn();
  assert.equal(await client.command(`MAIL FROM:<${user}> AUTH=<> BODY=8BITMIME SIZE=100`), '250 ok');
  assert.equal(await client.command(`MAIL FROM:<${user}> AUTH=test+40mailtest.example.jp`), '250 ok');
});

test('the program in the place of qmail-queue knows the user', async (t) => {
  const host = await userHost(t);
  host.rules(':allow,QMAILQUEUE="/bin/scanner",TCPREMOTEINFO="nobody"');
  const client = await host.loggedIn();
  assert.match(await send(client), /^250 ok /);
  const environment = host.environments[0] ?? {};
  const { RELAYCLIENT, TCPREMOTEINFO, TCPREMOTEIP } = environment;
  assert.deepEqual(
    { RELAYCLIENT, TCPREMOTEINFO, TCPREMOTEIP },
    { RELAYCLIENT: '', TCPREMOTEINFO: user, TCPREMOTEIP: '127.0.0.1' },
  );
});

test('too many sessions of one user', async (t) => {
  const host = await userHost(t);
  const belongTo = async (): Promise<'user-full'> => 'user-full';
  const client = await host.greeted({ remoteIp: '127.0.0.1', localIp: '127.0.0.1', belongTo });
  await client.command('EHLO phone.example');
  assert.equal(await client.command(authPlain), `421 4.7.0 too many sessions of ${user}, try again later`);
  assert.equal(await client.closed(), '');
  assert.equal(host.sessions.size, 0);
});
