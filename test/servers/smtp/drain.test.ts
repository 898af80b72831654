// Stopping: idle sessions are told, transactions end, a message on its way to the disk is answered, and nobody holds the server for ever.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { testHost } from '../../support/smtp-host.js';

const goodbye = '421 4.3.2 shutting down, try again later';
const sender = 'MAIL FROM:<noel@example.gr.jp>';
const recipient = 'RCPT TO:<test@mailtest.example.jp>';

test('without sessions there is nothing to wait for', async (t) => {
  const host = await testHost(t, collectingDelivery());
  await host.server.drain();
  await host.server.drain();
});

test('idle sessions end at once, one with a transaction after it, and new ones are refused', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { limits: { drainMs: 60_000 } });
  const [idle, done, open, inData] = [
    await host.greeted(),
    await host.greeted(),
    await host.greeted(),
    await host.greeted(),
  ];
  for (const client of [done, open, inData]) {
    await client.command(sender);
    await client.command(recipient);
  }
  await done.command('DATA');
  await done.command('x\r\n.');
  await inData.command('DATA');
  const drained = host.server.drain();
  assert.equal(await idle.reply(), goodbye);
  assert.equal(await done.reply(), goodbye);
  const late = await SmtpClient.connect(host.port);
  assert.equal(await late.closed(), `${goodbye}\r\n`);
  assert.equal(await open.command('DATA'), '354 go ahead');
  assert.match((await open.command('y\r\n.')) ?? '', /^250 ok/);
  assert.equal(await open.reply(), goodbye);
  assert.match((await inData.command('z\r\n.')) ?? '', /^250 ok/);
  assert.equal(await inData.reply(), goodbye);
  await drained;
  assert.equal(delivery.messages.length, 3);
  assert.equal(host.server.sessions, 0);
});

test('a transaction that is given up ends the session too', async (t) => {
  const host = await testHost(t, collectingDelivery(), { limits: { drainMs: 60_000 } });
  const client = await host.greeted();
  await client.command(sender);
  const drained = host.server.drain();
  assert.equal(await client.command('RSET'), '250 flushed');
  assert.equal(await client.reply(), goodbye);
  await drained;
});

test('after drainMs open transactions end, but a message that is being put on disk is answered', async (t) => {
  const delivery = collectingDelivery({ beforeCommit: () => sleep(400) });
  const host = await testHost(t, delivery, { limits: { drainMs: 100 } });
  const [open, inData, committing] = [await host.greeted(), await host.greeted(), await host.greeted()];
  for (const client of [open, inData, committing]) {
    await client.command(sender);
    await client.command(recipient);
  }
  await inData.command('DATA');
  await committing.command('DATA');
  committing.send('x\r\n.\r\n');
  inData.send('half\r\n');
  await sleep(50);
  await host.server.drain();
  assert.equal(await open.reply(), goodbye);
  assert.equal(await inData.reply(), goodbye);
  assert.match((await committing.reply()) ?? '', /^250 ok/);
  assert.equal(await committing.reply(), goodbye);
  assert.equal(delivery.messages.length, 1);
  assert.equal(delivery.open, 0);
});
