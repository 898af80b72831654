// Debian's Postfix as the front end that keeps the queue: `virtual_transport = lmtp:unix:...`. Each recipient has its own fate, and Postfix's questions whether a recipient exists
// leave no trace.

import assert from 'node:assert/strict';
import test from 'node:test';
import { fate, frontEnd, messages, replyToRecipients, send, tool, until } from '../support/front-end.js';
import { needs, needsRoot } from '../support/needs.js';
import { readmeBlock } from '../support/readme.js';

const behindLmtp = [
  ...readmeBlock('virtual_transport = lmtp:unix:vqmail/lmtp'),
  // Unknown users get as far as us.
  'virtual_mailbox_maps =',
  'smtpd_error_sleep_time = 0',
];

test('Postfix, chrooted: one message, each recipient its own answer: delivered, over quota, unknown', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const { files, postfix, server } = await frontEnd(t, behindLmtp, ['--xclient-from', 'unix']);
  tool(files, 'vsetuserquota', 'full@example.jp', '300S');
  const why = (): string => `${postfix.log()}${server.log()}`;
  const names = ['joe', 'full', 'nobody', 'ann', 'joe-list'];
  await send(
    postfix,
    names.map((name) => `${name}@example.jp`),
    `Subject: five\r\n\r\n..dot\r\n${'x'.repeat(600)}\r\n`,
  );
  for (const name of names) await until(() => fate(postfix, `${name}@example.jp`) !== '', why);
  assert.match(
    fate(postfix, 'joe@example.jp'),
    /relay=[^,]*vqmail\/lmtp\].* dsn=2\.0\.0, status=sent \(250 2\.0\.0 <joe@example\.jp> ok qp \d+\)/,
  );
  assert.match(fate(postfix, 'ann@example.jp'), /status=sent/);
  assert.match(fate(postfix, 'joe-list@example.jp'), /status=sent/);
  assert.match(fate(postfix, 'full@example.jp'), /dsn=5\.2\.2, status=bounced \(.*said: 552 5\.2\.2 /);
  assert.match(fate(postfix, 'nobody@example.jp'), /dsn=5\.1\.1, status=bounced \(.*said: 550 5\.1\.1 /);
  assert.deepEqual(
    ['joe', 'ann', 'full'].map((name) => messages(files, name).length),
    [2, 1, 0],
  );
  const [text = ''] = messages(files, 'ann');
  assert.match(text, /^Return-Path: <noel@sender\.example>\nDelivered-To: ann@example\.jp\n/m);
  assert.match(text, /Received: from unknown \(HELO front\.example\) \(unix\)\n {2}by mx\.example\.jp with LMTP; /);
  assert.ok(text.endsWith(`\n\n.dot\n${'x'.repeat(600)}\n`));
  assert.match(
    server.log(),
    /lmtp: accepted .* to <ann@example\.jp> client unix for 127\.0\.0\.1 \S*/,
    'XFORWARD names the client for the log',
  );
  assert.doesNotMatch(server.log(), /alert|defect/);
});

test('trouble and a full mailbox that is to wait stay in the queue of Postfix, and go when it is over', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const { files, postfix, server } = await frontEnd(t, behindLmtp, ['--over-quota', 'defer']);
  const why = (): string => `${postfix.log()}${server.log()}`;
  tool(files, 'vsetuserquota', 'full@example.jp', '10S');
  await send(postfix, ['full@example.jp', 'joe@example.jp'], 'Subject: wait\r\n\r\nhello\r\n');
  await until(() => messages(files, 'joe').length === 1, why);
  await until(() => /status=deferred \(.* 452 4\.2\.2 /.test(fate(postfix, 'full@example.jp')), why);
  tool(files, 'vsetuserquota', 'full@example.jp', 'NOQUOTA');
  await postfix.flush();
  await until(() => messages(files, 'full').length === 1, why);
  assert.equal(messages(files, 'joe').length, 1);
});

test('over TCP, the next hop that our transport map names: --postmap-transport lmtp', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const settings = [
    'relay_domains = socketmap:unix:vqmail/postmap:relay-domains',
    'transport_maps = socketmap:unix:vqmail/postmap:transport',
    'relay_recipient_maps = socketmap:unix:vqmail/postmap:recipients',
  ];
  const { files, postfix, server } = await frontEnd(t, settings, ['--postmap-transport', 'lmtp']);
  const why = (): string => `${postfix.log()}${server.log()}`;
  assert.match((await replyToRecipients(postfix, 'nobody@example.jp'))[0] ?? '', /^550 5\.1\.1 /);
  await send(postfix, ['ann@example.jp'], 'Subject: x\r\n\r\nhello\r\n');
  await until(() => messages(files, 'ann').length === 1, why);
  await until(() => fate(postfix, 'ann@example.jp') !== '', why);
  assert.match(fate(postfix, 'ann@example.jp'), /status=sent \(250 2\.0\.0 </);
});
