// XCLIENT and XFORWARD: believed from trusted front ends only; from then on rules, relay rights, Received and log lines are the client's.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { TrustedPeers } from '../../../src/net/trusted-peers.js';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import type { SmtpClient } from '../../support/smtp-client.js';
import { type TestHost, type TestHostOptions, testHost } from '../../support/smtp-host.js';

const front = '127.0.0.7';

function host(t: TestContext, delivery = collectingDelivery(), options: TestHostOptions = {}): Promise<TestHost> {
  return testHost(t, delivery, { frontEnds: new TrustedPeers([front]), rules: ':allow\n', ...options });
}

async function say(client: SmtpClient, ...lines: string[]): Promise<string | undefined> {
  let reply: string | undefined;
  for (const line of lines) reply = await client.command(line);
  return reply;
}

const message = [
  'MAIL FROM:<s@x.example>',
  'RCPT TO:<test@mailtest.example.jp>',
  'DATA',
  'Subject: x\r\n\r\nhello\r\n.',
];

test('to others neither is offered, and both are refused; nothing changes', async (t) => {
  const delivery = collectingDelivery();
  const smtp = await host(t, delivery);
  const client = await smtp.greeted('127.0.0.8');
  assert.doesNotMatch((await client.command('EHLO x')) ?? '', /XCLIENT|XFORWARD/);
  assert.equal(await client.command('XCLIENT ADDR=192.0.2.9'), '550 5.7.0 you may not speak for others');
  assert.equal(await client.command('XFORWARD ADDR=192.0.2.9'), '550 5.7.0 you may not speak for others');
  assert.match((await say(client, ...message)) ?? '', /^250 /);
  assert.match(delivery.messages[0]?.text ?? '', /\(HELO x\) \(127\.0\.0\.8\)\n/);
});

test('XCLIENT: the session begins anew, as that client', async (t) => {
  const delivery = collectingDelivery();
  const smtp = await host(t, delivery);
  const client = await smtp.greeted(front);
  const hello = (await client.command('EHLO front.example')) ?? '';
  assert.match(hello, /250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n/);
  assert.match(hello, /250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE$/);
  assert.match(
    (await client.command('XCLIENT NAME=spike.example ADDR=192.0.2.9 PORT=54605 HELO=spike')) ?? '',
    /^220 .* ESMTP$/,
  );
  assert.match((await say(client, 'EHLO front.example', ...message)) ?? '', /^250 /);
  assert.match(
    delivery.messages[0]?.text ?? '',
    /Received: from spike\.example \(HELO spike\) \(192\.0\.2\.9\)\n {2}by /,
  );
  assert.match(smtp.log(), /^smtp: connection from 192\.0\.2\.9 via 127\.0\.0\.7 spike\.example$/m);
  assert.match(smtp.log(), /accepted qp .* client 192\.0\.2\.9 via 127\.0\.0\.7\n/);
});

test('the rules of the client hold: who may relay, who is denied, who has another size limit', async (t) => {
  const rules =
    '127.0.0.7:allow,RELAYCLIENT=""\n192.0.2.7:allow,RELAYCLIENT=""\n192.0.2.66:deny\n192.0.2.5:allow,DATABYTES="9"\n:allow\n';
  const smtp = await host(t, undefined, { rules });
  const relay = async (attributes: string): Promise<string | undefined> => {
    const client = await smtp.greeted(front);
    const greeting = await client.command(`XCLIENT ${attributes}`);
    if (!greeting?.startsWith('220')) return greeting;
    return say(client, 'EHLO x', 'MAIL FROM:<s@x.example>', 'RCPT TO:<joe@elsewhere.example>');
  };
  const rows: readonly [string, RegExp, string][] = [
    ['ADDR=192.0.2.9', /^553 /, 'not every client of a front end that may relay may'],
    ['ADDR=192.0.2.7', /^250 /, 'one whom the rules let'],
    ['ADDR=[UNAVAILABLE]', /^553 /, 'an address that is not known has no rights'],
    ['ADDR=IPV6:2001:db8::9', /^553 /, 'IPv6'],
    ['ADDR=192.0.2.66', /^421 4\.7\.1 /, 'one whom the rules deny'],
    ['ADDR=192.0.2.9 LOGIN=joe@mailtest.example.jp', /^250 /, 'who has logged in at the front end'],
    ['ADDR=192.0.2.66 LOGIN=joe@mailtest.example.jp', /^421 4\.7\.1 /, 'a login does not undo a deny'],
    ['ADDR=192.0.2.9 LOGIN=[UNAVAILABLE]', /^553 /, 'nobody has'],
  ];
  for (const [attributes, reply, why] of rows) assert.match((await relay(attributes)) ?? 'closed', reply, why);
  const client = await smtp.greeted(front);
  assert.match((await say(client, 'XCLIENT ADDR=192.0.2.5', 'EHLO x')) ?? '', /250-SIZE 9\r\n/);
  assert.match(smtp.log(), /smtp: deny 192\.0\.2\.66 by rule/);
  assert.match(smtp.log(), /connection from 192\.0\.2\.9 via 127\.0\.0\.7 login joe@mailtest\.example\.jp\n/);
});

test('XCLIENT again: attributes that are not sent stay, and the client is never trusted itself', async (t) => {
  const delivery = collectingDelivery();
  const smtp = await host(t, delivery);
  const client = await smtp.greeted(front);
  await client.command('XCLIENT ADDR=192.0.2.9 NAME=a.example');
  await client.command('XCLIENT HELO=b');
  await client.command('XCLIENT ADDR=192.0.2.10');
  await say(client, 'EHLO x', ...message);
  assert.match(delivery.messages[0]?.text ?? '', /from a\.example \(HELO b\) \(192\.0\.2\.10\)/);
  const other = await smtp.greeted('127.0.0.8');
  assert.match((await other.command(`XCLIENT ADDR=${front}`)) ?? '', /^550 /);
});

const refused: readonly [string, string[], RegExp][] = [
  ['an unknown attribute', ['XCLIENT COLOUR=red'], /^501 5\.5\.4 unknown attribute COLOUR$/],
  ['no attributes', ['XCLIENT'], /^501 5\.5\.4 /],
  ['a bad address', ['XCLIENT ADDR=1.2.3'], /^501 5\.5\.4 bad value of ADDR$/],
  ['XCLIENT within a transaction', ['EHLO x', 'MAIL FROM:<>', 'XCLIENT ADDR=192.0.2.9'], /^503 5\.5\.1 /],
  ['XFORWARD within a transaction', ['EHLO x', 'MAIL FROM:<>', 'XFORWARD ADDR=192.0.2.9'], /^503 5\.5\.1 /],
];
for (const [reason, lines, reply] of refused) {
  test(`refused, and the session goes on: ${reason}`, async (t) => {
    const smtp = await host(t);
    const client = await smtp.greeted(front);
    assert.match((await say(client, ...lines)) ?? '', reply);
    assert.equal(await client.command('NOOP'), '250 ok');
  });
}

test('XFORWARD: the log names the client of the next message, the rules stay the front end\u2019s', async (t) => {
  const delivery = collectingDelivery();
  const smtp = await host(t, delivery, { rules: '192.0.2.9:deny\n:allow\n' });
  const client = await smtp.greeted(front);
  await client.command('EHLO front.example');
  assert.equal(await client.command('XFORWARD NAME=spike.example ADDR=192.0.2.9 PORT=1 PROTO=ESMTP'), '250 ok');
  assert.equal(await client.command('XFORWARD HELO=spike IDENT=4XyzQ SOURCE=REMOTE'), '250 ok');
  assert.match((await say(client, ...message)) ?? '', /^250 /);
  assert.match((await say(client, ...message)) ?? '', /^250 /);
  assert.match(smtp.log(), /accepted qp .* client 127\.0\.0\.7 for 192\.0\.2\.9 spike\.example ident 4XyzQ\n/);
  assert.match(smtp.log(), /accepted qp .* client 127\.0\.0\.7\n/, 'the next message is another\u2019s');
  assert.match(delivery.messages[0]?.text ?? '', /\(HELO front\.example\) \(127\.0\.0\.7\)/);
});
