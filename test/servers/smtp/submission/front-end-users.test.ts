// Users whom a front end has let in and names by XCLIENT LOGIN: they may relay, with the senders, the numbers and the trace of one who has logged in here.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { TrustedPeers } from '../../../../src/net/trusted-peers.js';
import { oneCertificate } from '../../../support/server-tls.js';
import type { SmtpClient } from '../../../support/smtp-client.js';
import { type UserHost, type UserHostOptions, user, userHost } from '../../../support/user-host.js';

const elsewhere = 'RCPT TO:<x@elsewhere.example>';

function start(t: TestContext, options: UserHostOptions = {}): Promise<UserHost> {
  return userHost(t, { flavour: 'smtp', frontEnds: new TrustedPeers(['127.0.0.1']), ...options });
}

async function named(host: UserHost, login: string): Promise<SmtpClient> {
  const client = await host.greeted();
  assert.match((await client.command(`XCLIENT ADDR=192.0.2.9 LOGIN=${login}`)) ?? '', /^220 /);
  await client.command('EHLO front.example');
  return client;
}

async function send(client: SmtpClient, sender: string): Promise<string> {
  for (const line of [`MAIL FROM:<${sender}>`, elsewhere, 'DATA']) {
    const reply = (await client.command(line)) ?? 'closed';
    if (!/^[23]/.test(reply)) return reply;
  }
  return (await client.command('Subject: x\r\n\r\nhello\r\n.')) ?? 'closed';
}

test('as whom they may send', async (t) => {
  const host = await start(t);
  const client = await named(host, 'Test@MailTest.example.jp');
  const other = 'hanako@mailtest.example.jp';
  assert.equal(await send(client, other), `553 5.7.1 sorry, <${other}> is not an address of ${user}`);
  assert.match(await send(client, 'test-list@mailtest.example.jp'), /^250 ok /);
  assert.match(host.messages[0]?.text ?? '', /\nDate: .*\nMessage-ID: /);
  await client.command('XCLIENT LOGIN=hanako@mailtest.example.jp');
  assert.match(await send(client, other), /^250 ok /, 'another user');
  await client.command('XCLIENT LOGIN=[UNAVAILABLE]');
  await client.command(`MAIL FROM:<${other}>`);
  assert.match((await client.command(elsewhere)) ?? '', /^553 sorry, that domain/, 'nobody');
});

test('STARTTLS of the front end leaves its user and what is asked of it', async (t) => {
  const host = await start(t, { tls: await oneCertificate() });
  const client = await named(host, user);
  await client.command('STARTTLS');
  await client.secure();
  assert.match(await send(client, 'hanako@mailtest.example.jp'), /^553 5\.7\.1 /);
  assert.match(await send(client, user), /^250 ok /);
});

test('--rate-messages counts what they send, together with what they send here', async (t) => {
  const host = await start(t, { policy: { messagesPerHour: 2 } });
  assert.match(await send(await named(host, user), user), /^250 ok /);
  assert.match(await send(await host.loggedIn(), user), /^250 ok /);
  assert.match(await send(await named(host, 'test%mailtest.example.jp'), user), /^450 4\.7\.1 /);
});

test("a front end's own user: counted, and as whom is its own business", async (t) => {
  const host = await start(t, { policy: { messagesPerHour: 1 } });
  const client = await named(host, 'scanner');
  assert.match(await send(client, 'anybody@elsewhere.example'), /^250 ok /);
  assert.match(await send(client, 'anybody@elsewhere.example'), /^450 4\.7\.1 /);
  assert.match(host.log(), /^warning: scanner has sent 1 messages within an hour/m);
});

test('on submission too, where nobody sends without a login', async (t) => {
  const host = await start(t, { flavour: 'submission' });
  const client = await host.greeted();
  await client.command('EHLO front.example');
  await client.command('XCLIENT ADDR=192.0.2.9');
  await client.command('EHLO front.example');
  assert.match((await client.command(`MAIL FROM:<${user}>`)) ?? '', /^530 /);
  assert.match(await send(await named(host, user), user), /^250 ok /);
});
