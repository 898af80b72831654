// What becomes of messages: replies for every outcome, nothing left of what was not accepted, odd bytes and sizes.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../../../src/delivery/resolution/resolution.js';
import { CorruptFileError, PermanentError, TemporaryError } from '../../../src/errors.js';
import { type CollectingDelivery, collectingDelivery } from '../../support/collecting-delivery.js';
import type { SmtpClient } from '../../support/smtp-client.js';
import { testHost } from '../../support/smtp-host.js';

const sender = 'MAIL FROM:<noel@example.gr.jp>';
const recipient = 'RCPT TO:<test@mailtest.example.jp>';

async function toData(client: SmtpClient): Promise<void> {
  assert.equal(await client.command(sender), '250 ok');
  assert.equal(await client.command(recipient), '250 ok');
  assert.equal(await client.command('DATA'), '354 go ahead');
}

async function untilNothingOpen(delivery: CollectingDelivery): Promise<void> {
  for (let i = 0; i < 500 && delivery.open > 0; i++) await sleep(10);
  assert.equal(delivery.open, 0);
}

const outcomes: [reason: string, outcome: Outcome | (() => Promise<Outcome>), reply: string][] = [
  [
    'unknown mailbox',
    { kind: 'refuse', code: 550, status: '5.1.1', text: 'Sorry, no mailbox here by that name. (#5.1.1)' },
    '550 5.1.1 Sorry, no mailbox here by that name. (#5.1.1)',
  ],
  ['over quota, soft', { kind: 'refuse', code: 452, status: '4.2.2', text: 'over quota' }, '452 4.2.2 over quota'],
  [
    'trouble with a file',
    { kind: 'defer', code: 451, status: '4.3.0', text: 'temporary trouble', cause: '/home/secret: access denied' },
    '451 4.3.0 temporary trouble',
  ],
  [
    'needs the queue',
    { kind: 'queue', reason: 'forward', code: 451, status: '4.3.0', text: 'cannot forward yet' },
    '451 4.3.0 cannot forward yet',
  ],
  [
    'a text of several lines',
    { kind: 'refuse', code: 550, status: '5.1.1', text: 'first\r\nsecond\n' },
    '550 5.1.1 first second',
  ],
  ['thrown away with success', { kind: 'discard', reason: 'delete', loopLines: { exact: [], anyCase: [] } }, '250 ok'],
  [
    'an answer that takes its time',
    async () => {
      await sleep(20);
      return { kind: 'refuse', code: 550, status: '5.1.1', text: 'nobody' };
    },
    '550 5.1.1 nobody',
  ],
  [
    'an answer that fails',
    async () => Promise.reject(new Error('defect')),
    '451 4.3.0 temporary trouble on this host, try again later',
  ],
];

for (const [reason, outcome, reply] of outcomes) {
  test(`RCPT: ${reason}`, async (t) => {
    const delivery = collectingDelivery({ outcome: () => (typeof outcome === 'function' ? outcome() : outcome) });
    const host = await testHost(t, delivery);
    const client = await host.greeted();
    await client.command(sender);
    client.send(`${recipient}\r\nRSET\r\n`);
    assert.equal(await client.reply(), reply);
    assert.equal(await client.reply(), '250 flushed');
  });
}

test('RCPT: the cause of a deferral is logged and not told', async (t) => {
  const outcome = outcomes[2]?.[1] as Outcome;
  const host = await testHost(t, collectingDelivery({ outcome: () => outcome }));
  const client = await host.greeted();
  await client.command(sender);
  assert.ok(!(await client.command(recipient))?.includes('secret'));
  assert.match(
    host.log(),
    /warning: smtp: refused <test@mailtest.example.jp> from <noel@example.gr.jp> client 127\.0\.0\.1: 451.*secret/,
  );
});

test('a refused recipient does not keep the others from the message', async (t) => {
  const unknown: Outcome = { kind: 'refuse', code: 550, status: '5.1.1', text: 'nobody' };
  const known: Outcome = { kind: 'deliver', maildirs: [], loopLines: { exact: [], anyCase: [] } };
  const delivery = collectingDelivery({ outcome: (name) => (name.startsWith('nobody') ? unknown : known) });
  const client = await (await testHost(t, delivery)).greeted();
  await client.command(sender);
  assert.equal(await client.command('RCPT TO:<nobody@mailtest.example.jp>'), '550 5.1.1 nobody');
  assert.equal(await client.command('DATA'), '503 RCPT first (#5.5.1)');
  assert.equal(await client.command(recipient), '250 ok');
  assert.equal(await client.command('RCPT TO:<nobody@mailtest.example.jp>'), '550 5.1.1 nobody');
  assert.equal(await client.command('DATA'), '354 go ahead');
  assert.match((await client.command('x\r\n.')) ?? '', /^250 ok \d+ qp \d+$/);
  assert.deepEqual(delivery.messages[0]?.recipients, ['test@mailtest.example.jp']);
});

const failures: [reason: string, error: Error, reply: string][] = [
  ['disk full', new TemporaryError('4.3.1', 'out of disk space'), '452 4.3.1 out of disk space'],
  ['quota, soft', new TemporaryError('4.2.2', 'over quota'), '452 4.2.2 over quota'],
  ['quota, hard', new PermanentError('5.2.2', 'over quota'), '552 5.2.2 over quota'],
  [
    'a loop',
    new PermanentError('5.4.6', 'This message is looping (#5.4.6)'),
    '554 5.4.6 This message is looping (#5.4.6)',
  ],
  ['temporary', new TemporaryError('4.3.0', 'try later'), '451 4.3.0 try later'],
  [
    'a corrupt file: no path is told',
    new CorruptFileError('/home/secret', 3, 'broken'),
    '451 4.3.0 temporary trouble on this host, try again later',
  ],
  ['a defect', new TypeError('x is not a function'), '451 4.3.0 temporary trouble on this host, try again later'],
];

for (const [reason, error, reply] of failures) {
  test(`end of data: ${reason}`, async (t) => {
    const delivery = collectingDelivery({
      beforeCommit: () => {
        throw error;
      },
    });
    const host = await testHost(t, delivery);
    const client = await host.greeted();
    await toData(client);
    client.send('x\r\n.\r\nNOOP\r\n');
    assert.equal(await client.reply(), reply);
    assert.equal(await client.reply(), '250 ok');
    assert.equal(await client.command('DATA'), '503 MAIL first (#5.5.1)');
    assert.ok(host.log().includes(error.message));
  });
}

test('a failed write is told at the end of the message, and the rest of it is read', async (t) => {
  const delivery = collectingDelivery({
    onWrite: (chunk) =>
      chunk.includes('fail') ? Promise.reject(new TemporaryError('4.3.1', 'out of disk space')) : undefined,
  });
  const client = await (await testHost(t, delivery)).greeted();
  await toData(client);
  client.send('fail here\r\n');
  await sleep(20);
  client.send('more\r\n.\r\n');
  assert.equal(await client.reply(), '452 4.3.1 out of disk space');
  await untilNothingOpen(delivery);
  assert.equal(delivery.messages.length, 0);
  assert.equal(await client.command('NOOP'), '250 ok');
});

test('writes that ask for patience are waited for, in order', async (t) => {
  let running = 0;
  let most = 0;
  const delivery = collectingDelivery({
    onWrite: async () => {
      most = Math.max(most, ++running);
      await sleep(1);
      running--;
    },
  });
  const client = await (await testHost(t, delivery)).greeted();
  const body = `${Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join('\r\n')}\r\n`;
  await toData(client);
  client.send(`${body}.\r\n`);
  assert.match((await client.reply()) ?? '', /^250 ok/);
  assert.equal(most, 1);
  assert.ok(delivery.messages[0]?.text.endsWith(body.replaceAll('\r\n', '\n')));
});

test('a line of a megabyte, NUL and all 8-bit bytes come through', async (t) => {
  const delivery = collectingDelivery();
  const client = await (await testHost(t, delivery)).greeted();
  const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)).replace(/[\r\n]/g, '');
  const body = `Subject: x\r\n\r\n${'y'.repeat(1 << 20)}\r\n${bytes}\r\n`;
  await toData(client);
  client.send(`${body}.\r\n`);
  assert.match((await client.reply()) ?? '', /^250 ok/);
  assert.ok(delivery.messages[0]?.text.endsWith(body.replaceAll('\r\n', '\n')));
});

test('databytes exceeded in the middle: given up at once, read to its end, 552, and the session goes on', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { control: { databytes: '10000\n' } });
  const client = await host.greeted();
  await toData(client);
  client.send('x'.repeat(20_000));
  await untilNothingOpen(delivery);
  assert.equal(delivery.aborted, 1);
  client.send(`${'\r\ny'.repeat(100_000)}\r\n.\r\n`);
  assert.equal(await client.reply(), '552 sorry, that message size exceeds my databytes limit (#5.3.4)');
  await toData(client);
  assert.match((await client.command('small\r\n.')) ?? '', /^250 ok/);
});

for (const how of ['half-close', 'reset', 'close'] as const) {
  test(`a client that leaves in the middle of a message (${how}): nothing is left`, async (t) => {
    const delivery = collectingDelivery();
    const host = await testHost(t, delivery);
    const client = await host.greeted();
    await toData(client);
    client.send('Subject: x\r\n\r\nhalf');
    await sleep(20);
    if (how === 'half-close') client.halfClose();
    else if (how === 'reset') client.reset();
    else client.destroy();
    await untilNothingOpen(delivery);
    assert.equal(delivery.aborted, 1);
    assert.match(host.log(), /smtp: client 127\.0\.0\.1 left in the middle of message qp \d+/);
  });
}

test('a client that is gone while its message is put on disk: the message stays, and is waited for when the server stops', async (t) => {
  const delivery = collectingDelivery({ beforeCommit: () => sleep(200) });
  const host = await testHost(t, delivery);
  const client = await host.greeted();
  await toData(client);
  client.send('x\r\n.\r\n');
  await sleep(50);
  client.reset();
  await host.stop();
  assert.equal(delivery.messages.length, 1);
});

test('a pipelined session, byte by byte and in one packet, is answered the same', async (t) => {
  const bytes = `EHLO x\r\n${sender}\r\n${recipient}\r\nDATA\r\nSubject: 1\r\n\r\n..dot\r\n.\r\nNOOP\nRSET\r\nBAD\r\n${sender}\r\nDATA\r\nQUIT\r\nNOOP\r\n`;
  const said: string[] = [];
  for (const step of [1, 3, bytes.length]) {
    const delivery = collectingDelivery();
    const client = await (await testHost(t, delivery)).greeted();
    for (let at = 0; at < bytes.length; at += step) {
      client.send(bytes.slice(at, at + step));
      if (step < 4) await new Promise((resolve) => setImmediate(resolve));
    }
    said.push((await client.closed()).replace(/ok \d+ qp \d+/, 'ok qp'));
    assert.ok(delivery.messages[0]?.text.endsWith('\n\n.dot\n'));
  }
  assert.equal(said[0], said[2]);
  assert.equal(said[1], said[2]);
  assert.match(
    said[0] ?? '',
    /250 ok qp\r\n250 ok\r\n250 flushed\r\n502 [^\n]*\n250 ok\r\n503 RCPT[^\n]*\n221 mail\.example\.gr\.jp\r\n$/,
  );
});

test('the number in the reply is that in the Received line, and no two messages have the same', async (t) => {
  const delivery = collectingDelivery();
  const client = await (await testHost(t, delivery)).greeted();
  const numbers: string[] = [];
  for (let i = 0; i < 3; i++) {
    await toData(client);
    const qp = /^250 ok \d+ qp (\d+)$/.exec((await client.command('x\r\n.')) ?? '')?.[1] ?? '';
    assert.ok(delivery.messages[i]?.text.startsWith(`Received: (qmail ${qp} invoked from network); `));
    numbers.push(qp);
  }
  assert.equal(new Set(numbers).size, 3);
  assert.equal(numbers[0], String(process.pid));
});
