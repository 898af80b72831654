// Limits against abuse, and the timeouts that are not in the recordings.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import { testHost } from '../../support/smtp-host.js';

const sender = 'MAIL FROM:<noel@example.gr.jp>';

test('recipients beyond the limit are 452, the others get the message', async (t) => {
  const delivery = collectingDelivery();
  const client = await (await testHost(t, delivery, { limits: { recipientsPerMessage: 3 } })).greeted();
  await client.command(sender);
  for (let i = 0; i < 3; i++) assert.equal(await client.command(`RCPT TO:<u${i}@mailtest.example.jp>`), '250 ok');
  const refusal = '452 4.5.3 too many recipients, send me the others in another message';
  assert.equal(await client.command('RCPT TO:<u3@mailtest.example.jp>'), refusal);
  await client.command('DATA');
  assert.match((await client.command('x\r\n.')) ?? '', /^250 ok/);
  assert.equal(delivery.messages[0]?.recipients.length, 3);
  await client.command(sender);
  assert.equal(await client.command('RCPT TO:<u3@mailtest.example.jp>'), '250 ok');
});

test('a client whose commands are refused again and again is sent away; an accepted message sets it back', async (t) => {
  const delivery = collectingDelivery();
  const client = await (await testHost(t, delivery, { limits: { refusedCommands: 5 } })).greeted();
  const refuse = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) assert.match((await client.command('XYZZY')) ?? '', /^502/);
  };
  await refuse(5);
  await client.command(sender);
  await client.command('RCPT TO:<test@mailtest.example.jp>');
  await client.command('DATA');
  await client.command('x\r\n.');
  await refuse(5);
  assert.equal(await client.command('RCPT TO:<x@elsewhere.example>'), '421 4.7.0 too many refused commands');
  assert.equal(await client.closed(), '');
});

test('refused commands in one packet: nothing is answered after the last word', async (t) => {
  const client = await (await testHost(t, collectingDelivery())).greeted();
  client.send('XYZZY\r\n'.repeat(5000));
  const said = await client.closed();
  assert.equal(said.match(/^502/gm)?.length, 100);
  assert.match(said, /421 4\.7\.0 too many refused commands\r\n$/);
});

test('commands that bring no message nearer have an end', async (t) => {
  const client = await (await testHost(t, collectingDelivery(), { limits: { idleCommands: 20 } })).greeted();
  for (let i = 0; i < 10; i++) {
    assert.equal(await client.command('NOOP'), '250 ok');
    assert.equal(await client.command(sender), '250 ok');
    assert.equal(await client.command('RCPT TO:<test@mailtest.example.jp>'), '250 ok');
  }
  assert.equal(await client.command('RSET'), '421 4.7.0 too many commands without a message');
});

test('a command line of 64 KiB is taken, a longer one is not, finished or not', async (t) => {
  const host = await testHost(t, collectingDelivery());
  const client = await host.greeted();
  assert.equal(await client.command(`NOOP ${'x'.repeat(65_000)}`), '250 ok');
  client.send('NOOP '.padEnd(70_000, 'x'));
  assert.equal(await client.reply(), '421 4.5.2 command line too long');
  const other = await host.greeted();
  assert.equal(await other.command('NOOP '.padEnd(66_000, 'x')), '421 4.5.2 command line too long');
});

test('a message that trickles in is given up, one at a fair pace is not', async (t) => {
  const delivery = collectingDelivery();
  const limits = { dataWindowBytes: 200, dataWindowMs: 200 };
  const host = await testHost(t, delivery, { limits });
  const [slow, fair] = [await host.greeted(), await host.greeted()];
  for (const client of [slow, fair]) {
    client.send(`${sender}\r\nRCPT TO:<test@mailtest.example.jp>\r\nDATA\r\n`);
    for (let i = 0; i < 3; i++) await client.reply();
  }
  const trickle = setInterval(() => slow.send('x'), 20);
  const flow = setInterval(() => fair.send('y'.repeat(200)), 20);
  t.after(() => clearInterval(trickle));
  assert.equal(await slow.reply(), '421 4.4.2 message is coming in too slowly');
  await sleep(500);
  clearInterval(flow);
  fair.send('\r\n.\r\n');
  assert.match((await fair.reply()) ?? '', /^250 ok/);
  assert.equal(delivery.open, 0);
  assert.equal(delivery.messages.length, 1);
});

test('the server takes its time: that is not held against the client', async (t) => {
  const delivery = collectingDelivery({ beforeCommit: () => sleep(1500) });
  const limits = { dataWindowBytes: 200, dataWindowMs: 100 };
  const host = await testHost(t, delivery, { limits, control: { timeoutsmtpd: '1\n' } });
  const client = await host.greeted();
  client.send(`${sender}\r\nRCPT TO:<test@mailtest.example.jp>\r\nDATA\r\nx\r\n.\r\n`);
  for (let i = 0; i < 3; i++) await client.reply();
  assert.match((await client.reply()) ?? '', /^250 ok/);
});

test('a session has an end', async (t) => {
  const host = await testHost(t, collectingDelivery(), { limits: { sessionMs: 300, dataWindowMs: 100 } });
  const client = await host.greeted();
  const noops = setInterval(() => client.send('NOOP\r\n'), 30);
  t.after(() => clearInterval(noops));
  assert.match(await client.closed(), /250 ok\r\n421 4\.4\.2 session is too long\r\n$/);
});

test('a client that sends and never reads stops being read', async (t) => {
  const host = await testHost(t, collectingDelivery(), {
    limits: { idleCommands: 1e9 },
    control: { timeoutsmtpd: '1\n' },
  });
  const client = await host.greeted();
  client.stopReading();
  client.send('VRFY\r\n'.repeat(2_000_000));
  for (let i = 0; i < 1000 && host.server.sessions > 0; i++) await sleep(10);
  assert.equal(host.server.sessions, 0);
});

test('SIZE: announced by EHLO, and above the limit refused at MAIL without a transaction', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, {
    control: { databytes: '1000\n' },
    rules: '127.0.0.2:allow,DATABYTES="0"\n:allow\n',
  });
  const client = await host.greeted();
  assert.match((await client.command('EHLO x')) ?? '', /\r\n250-SIZE 1000\r\n/);
  assert.equal(await client.command(`${sender} SIZE=1000`), '250 ok');
  await client.command('RCPT TO:<test@mailtest.example.jp>');
  const tooBig = '552 sorry, that message size exceeds my databytes limit (#5.3.4)';
  assert.equal(await client.command(`${sender} BODY=8BITMIME SIZE=1001`), tooBig);
  assert.equal(await client.command('RCPT TO:<test@mailtest.example.jp>'), '503 MAIL first (#5.5.1)');
  const unlimited = await host.greeted('127.0.0.2');
  assert.match((await unlimited.command('EHLO x')) ?? '', /\r\n250-SIZE 0\r\n/);
  assert.equal(await unlimited.command(`${sender} SIZE=1001`), '250 ok');
});

test('a refused MAIL leaves no transaction of an earlier one', async (t) => {
  const client = await (await testHost(t, collectingDelivery())).greeted();
  await client.command(sender);
  await client.command('RCPT TO:<test@mailtest.example.jp>');
  assert.equal(await client.command(`MAIL FROM:<${'a'.repeat(900)}@b>`), '555 syntax error (#5.5.4)');
  assert.equal(await client.command('DATA'), '503 MAIL first (#5.5.1)');
});

test('a browser that is made to talk here is sent away at its first line', async (t) => {
  const client = await (await testHost(t, collectingDelivery())).greeted();
  client.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n');
  assert.equal(await client.closed(), '421 4.7.0 this is a mail server\r\n');
});
