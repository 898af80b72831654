// Debian's Postfix as the front end of the guide: it takes mail on its own port and relays what the transport map names to us.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../../src/delivery/resolution/resolution.js';
import { type CollectingDelivery, collectingDelivery } from '../support/collecting-delivery.js';
import { needs, needsRoot } from '../support/needs.js';
import { type RunningPostfix, startPostfix } from '../support/postfix.js';
import { SmtpClient } from '../support/smtp-client.js';
import { guideTree, testHost } from '../support/smtp-host.js';
import { startServer } from '../support/started-server.js';

const known: Outcome = { kind: 'deliver', maildirs: [], loopLines: { exact: [], anyCase: [] } };
const unknown: Outcome = {
  kind: 'refuse',
  code: 550,
  status: '5.1.1',
  text: 'Sorry, no mailbox here by that name. (#5.1.1)',
};
const later: Outcome = { kind: 'defer', code: 451, status: '4.3.0', text: 'try later' };

async function frontEnd(
  t: TestContext,
  delivery: CollectingDelivery,
  settings: string[] = [],
): Promise<RunningPostfix> {
  const host = await testHost(t, delivery, { limits: { drainMs: 100 } });
  const lines = ['relay_domains = mailtest.example.jp', ...settings];
  const postfix = await startPostfix(lines, [`mailtest.example.jp smtp:[127.0.0.1]:${host.port}`]);
  t.after(() => postfix.stop());
  return postfix;
}

async function send(postfix: RunningPostfix, recipients: readonly string[], body: string): Promise<string | undefined> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  await client.command('EHLO sender.example');
  await client.command('MAIL FROM:<noel@example.gr.jp>');
  for (const recipient of recipients)
    assert.match((await client.command(`RCPT TO:<${recipient}>`)) ?? '', /^250/, postfix.log());
  await client.command('DATA');
  const reply = await client.command(`${body}.`);
  await client.command('QUIT');
  return reply;
}

async function until(condition: () => boolean, why: () => string): Promise<void> {
  for (let i = 0; i < 1500 && !condition(); i++) await sleep(20);
  assert.ok(condition(), why());
}

test('Postfix relays to us: several recipients, dots, long lines, many messages over reused connections', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const delivery = collectingDelivery();
  const postfix = await frontEnd(t, delivery);
  const body = `Subject: relayed\r\n\r\n..dot\r\n${'x'.repeat(900)}\r\nend\r\n`;
  for (let i = 0; i < 20; i++) {
    assert.match((await send(postfix, ['test@mailtest.example.jp', 'hanako@mailtest.example.jp'], body)) ?? '', /^250/);
  }
  await until(() => delivery.messages.length === 20, postfix.log);
  for (const { sender, recipients, text } of delivery.messages) {
    assert.equal(sender, 'noel@example.gr.jp');
    assert.deepEqual([...recipients].sort(), ['hanako@mailtest.example.jp', 'test@mailtest.example.jp']);
    assert.match(
      text,
      /^Received: \(qmail \d+ invoked from network\); .*\nReceived: from unknown \(HELO front\.example\) \(127\.0\.0\.1\)\n {2}by mail\.example\.gr\.jp with SMTP; /,
    );
    assert.ok(text.endsWith(`\n\n.dot\n${'x'.repeat(900)}\nend\n`));
  }
  await until(() => /status=sent \(250 ok \d+ qp \d+\)/.test(postfix.log()), postfix.log);
});

test('Postfix understands our refusals: 550 5.1.1 bounces, 451 stays in its queue and is tried again', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  let isReady = false;
  const delivery = collectingDelivery({
    outcome: (name) => (name.startsWith('nobody@') ? unknown : name.startsWith('later@') && !isReady ? later : known),
  });
  const postfix = await frontEnd(t, delivery);
  const recipients = ['test@mailtest.example.jp', 'nobody@mailtest.example.jp', 'later@mailtest.example.jp'];
  await send(postfix, recipients, 'Subject: mixed\r\n\r\nx\r\n');
  await until(() => delivery.messages.length === 1, postfix.log);
  assert.deepEqual(delivery.messages[0]?.recipients, ['test@mailtest.example.jp']);
  await until(
    () =>
      /to=<nobody@mailtest\.example\.jp>.*dsn=5\.1\.1, status=bounced .*550 5\.1\.1 Sorry, no mailbox/.test(
        postfix.log(),
      ),
    postfix.log,
  );
  await until(
    () => /to=<later@mailtest\.example\.jp>.*dsn=4\.3\.0, status=deferred .*451 4\.3\.0 try later/.test(postfix.log()),
    postfix.log,
  );
  isReady = true;
  await postfix.flush();
  await until(() => delivery.messages.length === 2, postfix.log);
  assert.deepEqual(delivery.messages[1]?.recipients, ['later@mailtest.example.jp']);
});

test('Postfix and a message above our limit: it learns SIZE from EHLO and does not send it', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { control: { databytes: '2000\n' } });
  const postfix = await startPostfix(
    ['relay_domains = mailtest.example.jp'],
    [`mailtest.example.jp smtp:[127.0.0.1]:${host.port}`],
  );
  t.after(() => postfix.stop());
  await send(
    postfix,
    ['test@mailtest.example.jp'],
    `Subject: big\r\n\r\n${'y'.repeat(70)}\r\n`.padEnd(5000, 'z'.repeat(70).concat('\r\n')).replace(/\r?\n?$/, '\r\n'),
  );
  await until(() => /to=<test@mailtest\.example\.jp>.*status=bounced .*(size|limit)/.test(postfix.log()), postfix.log);
  assert.equal(delivery.messages.length, 0);
});

test('the guide: Postfix in front, vqmail behind it as root with a session worker, the message in the Maildir', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const root = guideTree(t);
  const server = await startServer([
    '--root',
    root,
    '--workers',
    '1',
    '--listen',
    'smtp=127.0.0.1:0',
    '--drain-seconds',
    '1',
  ]);
  t.after(() => server.stop());
  const postfix = await startPostfix(
    ['relay_domains = mailtest.example.jp'],
    [`mailtest.example.jp smtp:[127.0.0.1]:${server.ports.smtp}`],
  );
  t.after(() => postfix.stop());
  await send(postfix, ['test@mailtest.example.jp'], 'Subject: test mail\r\n\r\nThis is a test.\r\n');
  const maildir = path.join(root, 'home/vpopmail/domains/mailtest.example.jp/test/Maildir');
  const messages = (): string[] => readdirSync(path.join(maildir, 'new'));
  await until(
    () => messages().length === 1,
    () => `${postfix.log()}${server.log()}`,
  );
  const file = path.join(maildir, 'new', messages()[0] ?? '');
  assert.match(
    readFileSync(file, 'latin1'),
    /^Return-Path: <noel@example\.gr\.jp>\nDelivered-To: test@mailtest\.example\.jp\nReceived: \(qmail \d+ invoked from network\); [^\n]* -0000\nReceived: from unknown \(HELO front\.example\) \(127\.0\.0\.1\)\n {2}by mail\.example\.gr\.jp with SMTP; [^\n]* -0000\nReceived: from sender\.example [\s\S]*\nSubject: test mail\n[\s\S]*\n\nThis is a test\.\n$/,
  );
  const { uid, gid, mode, size } = statSync(file);
  assert.deepEqual([uid, gid, mode & 0o777], [6020, 6020, 0o600]);
  assert.match(file, new RegExp(`,S=${size}$`));
  assert.deepEqual(readdirSync(path.join(maildir, 'tmp')), []);
});
