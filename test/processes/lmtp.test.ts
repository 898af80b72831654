// LMTP of `vqmail serve` with its processes: a unix socket and a port, mailboxes of two owners, a mailbox without room, a queue recipient.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { SmtpClient } from '../support/smtp-client.js';
import { writeRules } from '../support/smtp-host.js';
import { vqmailProgram } from '../support/started-server.js';
import { giveToHoster, hosterDirectory, hosterDomain } from './foreign-domain.js';
import { startSampleHost } from './sample-server.js';

const ownDirectory = '/home/vpopmail/domains/mailtest.example.jp';

interface Site {
  readonly socket: string;
  readonly port: number;
  log(): string;
  messages(hostPath: string): string[];
  tool(...args: string[]): void;
  rules(text: string): void;
}

async function start(t: TestContext, ...options: string[]): Promise<Site> {
  const directory = newRoot('vqmail-lmtp');
  t.after(() => removeRoot(directory));
  const socket = path.join(directory, 'lmtp');
  const listen = ['--listen', `lmtp=unix:${socket},mode=0660,group=mail`, '--listen', 'lmtp=127.0.0.1:0'];
  const { server, root } = await startSampleHost(t, ['--workers', '1', ...listen, ...options], giveToHoster);
  return {
    socket,
    port: server.ports.lmtp ?? 0,
    log: server.log,
    messages(hostPath) {
      const folder = path.join(root, hostPath, 'Maildir/new');
      return fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'latin1'));
    },
    tool(...args) {
      const env = { ...process.env, VQMAIL_ROOT: root };
      const { status, stderr } = spawnSync(process.execPath, [vqmailProgram, ...args], { env, encoding: 'latin1' });
      assert.equal(status, 0, stderr);
    },
    rules: (text) => writeRules(root, text),
  };
}

/** The replies to RCPT, then those to the end of the message. */
async function deliver(place: number | string, recipients: readonly string[], body: string): Promise<string[]> {
  const client = typeof place === 'number' ? await SmtpClient.connect(place) : await SmtpClient.connectAt(place);
  await client.reply();
  for (const line of ['LHLO front.example', 'MAIL FROM:<s@x.example>'])
    assert.match((await client.command(line)) ?? '', /^250/);
  const replies: string[] = [];
  for (const recipient of recipients) replies.push((await client.command(`RCPT TO:<${recipient}>`)) ?? 'closed');
  const taken = replies.filter((reply) => reply.startsWith('250')).length;
  if (taken > 0) {
    assert.equal(await client.command('DATA'), '354 go ahead');
    client.send(`${body}.\r\n`);
  }
  for (let n = 0; n < taken; n++) replies.push((await client.reply()) ?? 'closed');
  assert.match((await client.command('QUIT')) ?? '', /^221 /);
  return replies;
}

test('each recipient its own answer, over a unix socket and over TCP', async (t) => {
  if (!needsRoot(t)) return;
  const site = await start(t);
  const mode = fs.statSync(site.socket).mode & 0o777;
  assert.equal(mode, 0o660);
  site.tool('vsetuserquota', 'hanako@mailtest.example.jp', '1000S');
  const recipients = [
    'test@mailtest.example.jp',
    'nobody@mailtest.example.jp',
    'hanako@mailtest.example.jp',
    `mina@${hosterDomain}`,
    'somebody@elsewhere.example',
    'TEST@mailtest.example.jp',
  ];
  for (const place of [site.socket, site.port]) {
    const replies = await deliver(place, recipients, `Subject: x\r\n\r\n${'x'.repeat(2000)}\r\n`);
    assert.deepEqual(
      replies.map((reply) => reply.replace(/qp \d+/, 'qp N')),
      [
        '250 ok',
        '550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)',
        '250 ok',
        '250 ok',
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        '250 ok',
        '250 2.0.0 <test@mailtest.example.jp> ok qp N',
        '552 5.2.2 <hanako@mailtest.example.jp> user is over quota (#5.2.2)',
        `250 2.0.0 <mina@${hosterDomain}> ok qp N`,
        '250 2.0.0 <TEST@mailtest.example.jp> ok qp N',
      ],
      site.log(),
    );
  }
  assert.equal(site.messages(`${ownDirectory}/test`).length, 4);
  assert.equal(site.messages(`${ownDirectory}/hanako`).length, 0);
  assert.equal(site.messages(`${hosterDirectory}/mina`).length, 2);
  const [unix, tcp] = site
    .messages(`${hosterDirectory}/mina`)
    .sort((a, b) => b.indexOf('(unix)') - a.indexOf('(unix)'));
  assert.match(unix ?? '', /Received: from unknown \(HELO front\.example\) \(unix\)\n {2}by \S+ with LMTP; /);
  assert.match(tcp ?? '', /Received: from unknown \(HELO front\.example\) \(127\.0\.0\.1\)\n {2}by \S+ with LMTP; /);
  assert.doesNotMatch(site.log(), /alert|defect/);
});

test('over TCP the access rules say who may connect, and let nobody relay', async (t) => {
  const site = await start(t);
  site.rules('127.0.0.5:deny\n127.:allow,RELAYCLIENT=""\n');
  const denied = await SmtpClient.connect(site.port, '127.0.0.5');
  assert.equal(await denied.reply(), undefined);
  const [reply] = await deliver(site.port, ['somebody@elsewhere.example'], '');
  assert.match(reply ?? '', /^553 /);
  const [good] = await deliver(site.socket, ['test@mailtest.example.jp'], 'Subject: x\r\n\r\n');
  assert.equal(good, '250 ok');
});
