// The LMTP server's dialog: LHLO, one answer for each recipient that was taken, in order, and none of them in the others' way.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Outcome } from '../../../src/delivery/resolution/resolution.js';
import { PermanentError, TemporaryError } from '../../../src/errors.js';
import { type CollectingOptions, collectingDelivery } from '../../support/collecting-delivery.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { type TestHost, testHost } from '../../support/smtp-host.js';

const taken: Outcome = { kind: 'deliver', maildirs: [], loopLines: { exact: [], anyCase: [] } };
const queued = { kind: 'queue', code: 451, status: '4.3.0', text: 'no queue' } as const;
const forwarded: Outcome = { ...queued, reason: 'forward' };
const remote: Outcome = { ...queued, reason: 'remote' };
const unknown: Outcome = { kind: 'refuse', code: 550, status: '5.1.1', text: 'sorry, no mailbox here by that name.' };

function outcomeOf(recipient: string): Outcome {
  if (recipient.startsWith('nobody@')) return unknown;
  if (recipient.startsWith('forward')) return forwarded;
  return recipient.endsWith('@elsewhere.example') ? remote : taken;
}

function host(t: TestContext, options: CollectingOptions = {}): ReturnType<typeof start> {
  return start(t, options);
}

async function start(
  t: TestContext,
  options: CollectingOptions,
): Promise<{ host: TestHost; delivery: ReturnType<typeof collectingDelivery> }> {
  const delivery = Object.assign(collectingDelivery({ outcome: outcomeOf, ...options }), { hasQueue: () => true });
  return { host: await testHost(t, delivery, { flavour: 'lmtp' }), delivery };
}

/** The replies to the end of a message, one a recipient. */
async function repliesToData(
  client: SmtpClient,
  count: number,
  body = 'Subject: x\r\n\r\nhello\r\n',
): Promise<string[]> {
  assert.equal(await client.command('DATA'), '354 go ahead');
  client.send(`${body}.\r\n`);
  const replies: string[] = [];
  for (let n = 0; n < count; n++) replies.push((await client.reply()) ?? 'closed');
  return replies;
}

test('LHLO greets; HELO and EHLO are refused, and every other command has its SMTP answer', async (t) => {
  const { host: lmtp } = await host(t);
  const client = await lmtp.greeted();
  const rows: readonly [string, RegExp, string][] = [
    ['EHLO front.example', /^500 5\.5\.1 this is LMTP: say LHLO$/, 'RFC 2033 4.1'],
    ['HELO front.example', /^500 5\.5\.1 /, 'RFC 2033 4.1'],
    ['LHLO front.example', /^250-.*\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE \d+\r\n/, 'what RFC 2033 5 asks for'],
    ['RCPT TO:<test@mailtest.example.jp>', /^503 /, 'MAIL comes first'],
    ['DATA', /^503 /, 'MAIL comes first'],
    ['MAIL FROM:<s@x.example> SIZE=100 BODY=8BITMIME', /^250 /, 'parameters that SMTP knows'],
    ['DATA', /^503 /, 'RCPT comes first (RFC 2033 4.2: 503 where no recipient was taken)'],
    ['NOOP', /^250 /, ''],
    ['RSET', /^250 /, ''],
    ['NONSENSE', /^502 /, ''],
    ['QUIT', /^221 /, ''],
  ];
  for (const [command, reply, why] of rows) assert.match((await client.command(command)) ?? 'closed', reply, why);
});

test('the greeting says LMTP', async (t) => {
  const { host: lmtp } = await host(t);
  const client = await SmtpClient.connect(lmtp.port);
  assert.match((await client.reply()) ?? '', /^220 .* LMTP$/);
  client.destroy();
});

test('one reply for each recipient that was taken, in order, duplicates too, none for the refused; all in one packet', async (t) => {
  const { host: lmtp, delivery } = await host(t);
  const client = await lmtp.greeted();
  const recipients = [
    'a@mailtest.example.jp',
    'nobody@mailtest.example.jp',
    'b@mailtest.example.jp',
    'a@mailtest.example.jp',
  ];
  const commands = ['LHLO x', 'MAIL FROM:<s@x.example>', ...recipients.map((to) => `RCPT TO:<${to}>`), 'DATA'];
  client.send(`${commands.join('\r\n')}\r\n`);
  const answers: string[] = [];
  for (let n = 0; n < commands.length; n++) answers.push((await client.reply()) ?? 'closed');
  assert.deepEqual(
    answers.map((answer) => answer.slice(0, 3)),
    ['250', '250', '250', '550', '250', '250', '354'],
  );
  client.send('Subject: x\r\n\r\n..hello\r\n.\r\nMAIL FROM:<next@x.example>\r\n');
  for (const to of ['a', 'b', 'a'])
    assert.match(
      (await client.reply()) ?? '',
      new RegExp(`^250 2\\.0\\.0 <${to}@mailtest\\.example\\.jp> ok qp \\d+$`),
    );
  assert.equal(await client.reply(), '250 ok', 'what was sent ahead is answered behind them');
  assert.deepEqual(
    delivery.messages.map(({ sender, recipients: to }) => [sender, ...to]),
    [
      ['s@x.example', 'a@mailtest.example.jp'],
      ['s@x.example', 'b@mailtest.example.jp'],
      ['s@x.example', 'a@mailtest.example.jp'],
    ],
  );
  for (const { text } of delivery.messages) {
    assert.match(
      text,
      /^Received: \(qmail \d+ invoked from network\); .*\nReceived: from unknown \(HELO x\) \(127\.0\.0\.1\)\n {2}by \S+ with LMTP; /,
    );
    assert.ok(text.endsWith('\n\n.hello\n'));
  }
});

test('a recipient without room, one in trouble and one that fails while data comes leave the others theirs', async (t) => {
  const failures: Readonly<Record<string, Error>> = {
    full: new PermanentError('5.2.2', 'user is over quota (#5.2.2)'),
    later: new TemporaryError('4.3.0', 'try again later'),
    defect: new Error('secret /path'),
  };
  const { host: lmtp, delivery } = await host(t, {
    beforeCommit({ recipients }) {
      const failure = failures[recipients[0]?.recipient.split('@')[0] ?? ''];
      if (failure !== undefined) throw failure;
    },
  });
  const client = await lmtp.greeted();
  await client.command('LHLO x');
  await client.command('MAIL FROM:<>');
  const names = ['full', 'good', 'later', 'defect', 'fine'];
  for (const name of names) await client.command(`RCPT TO:<${name}@mailtest.example.jp>`);
  assert.deepEqual(
    (await repliesToData(client, names.length)).map((reply) => reply.replace(/qp \d+/, 'qp N')),
    [
      '552 5.2.2 <full@mailtest.example.jp> user is over quota (#5.2.2)',
      '250 2.0.0 <good@mailtest.example.jp> ok qp N',
      '451 4.3.0 <later@mailtest.example.jp> try again later',
      '451 4.3.0 <defect@mailtest.example.jp> temporary trouble on this host, try again later',
      '250 2.0.0 <fine@mailtest.example.jp> ok qp N',
    ],
  );
  assert.equal(delivery.messages.length, 2);
  assert.equal(delivery.open, 0);
  assert.match(lmtp.log(), /lmtp: refused qp \d+ .* to <full@mailtest\.example\.jp> client 127\.0\.0\.1: 552/);
});

test('recipients of the queue are one message there; what is not for this host is refused, a relay client or not', async (t) => {
  const { host: lmtp, delivery } = await host(t);
  lmtp.rules('127.:allow,RELAYCLIENT=""\n');
  const client = await lmtp.greeted();
  await client.command('LHLO x');
  await client.command('MAIL FROM:<s@x.example>');
  assert.match(
    (await client.command('RCPT TO:<joe@elsewhere.example>')) ?? '',
    /^553 .*isn't in my list of allowed rcpthosts/,
  );
  for (const name of ['forward1', 'direct', 'forward2'])
    assert.equal(await client.command(`RCPT TO:<${name}@mailtest.example.jp>`), '250 ok');
  assert.equal((await repliesToData(client, 3)).filter((reply) => reply.startsWith('250 2.0.0 <')).length, 3);
  assert.deepEqual(
    delivery.messages.map(({ recipients }) => recipients).sort(),
    [['direct@mailtest.example.jp'], ['forward1@mailtest.example.jp', 'forward2@mailtest.example.jp']].sort(),
  );
});

test('what is wrong with the message is said to each recipient', async (t) => {
  const { host: lmtp, delivery } = await host(t);
  lmtp.control('databytes', '50\n');
  const client = await lmtp.greeted();
  await client.command('LHLO x');
  await client.command('MAIL FROM:<s@x.example>');
  for (const name of ['a', 'b']) await client.command(`RCPT TO:<${name}@mailtest.example.jp>`);
  const replies = await repliesToData(client, 2, `${'x'.repeat(100)}\r\n`);
  for (const [index, name] of ['a', 'b'].entries())
    assert.match(
      replies[index] ?? '',
      new RegExp(`^552 (?:5\\.3\\.4 )?<${name}@mailtest\\.example\\.jp> sorry, that message size`),
    );
  assert.equal(await client.command('NOOP'), '250 ok');
  assert.deepEqual([delivery.messages.length, delivery.open, delivery.aborted], [0, 0, 2]);
});

test('a client that leaves in the middle of its message leaves nothing', async (t) => {
  const { host: lmtp, delivery } = await host(t);
  const client = await lmtp.greeted();
  await client.command('LHLO x');
  await client.command('MAIL FROM:<s@x.example>');
  for (const name of ['a', 'b']) await client.command(`RCPT TO:<${name}@mailtest.example.jp>`);
  await client.command('DATA');
  client.send('Subject: x\r\n');
  client.halfClose();
  await client.closed();
  assert.deepEqual([delivery.messages.length, delivery.open, delivery.aborted], [0, 0, 2]);
});
