// POP before SMTP of `vqmail serve` with its processes: a POP3 login at a worker, or at an agent of another uid, opens the relay, which only the supervisor may write.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { giveToHoster, hosterDomain } from './foreign-domain.js';
import { startSampleHost, TextClient } from './sample-server.js';

const ownUser = 'test@mailtest.example.jp';
const agentUser = `mina@${hosterDomain}`;

interface Site {
  /** Logs in from an address. Gives the answer to PASS. */
  logIn(from: string, user: string, password?: string): Promise<string>;
  /** What a recipient of another host is answered. */
  recipientElsewhere(from: string): Promise<string>;
  /** Below the root. */
  file(hostPath: string): string;
}

async function start(t: TestContext, ...options: string[]): Promise<Site> {
  const { server, root } = await startSampleHost(t, ['--workers', '2', ...options], giveToHoster);
  return {
    async logIn(from, user, password = 'password') {
      const client = await TextClient.open(server.ports.pop3, from);
      await client.ask(`USER ${user}`);
      const answer = await client.ask(`PASS ${password}`);
      client.destroy();
      return answer;
    },
    async recipientElsewhere(from) {
      const client = await TextClient.open(server.ports.smtp, from);
      for (const line of ['EHLO me', 'MAIL FROM:<a@b.example>']) assert.match(await client.ask(line), /^250 /);
      const answer = await client.ask('RCPT TO:<somebody@elsewhere.example>');
      client.destroy();
      return answer;
    },
    file: (hostPath) => path.join(root, hostPath),
  };
}

test('a POP3 login opens the relay', async (t) => {
  if (!needsRoot(t)) return;
  const site = await start(t, '--pop-before-smtp', 'on');
  const notForUs = /^553 /;

  await t.test('nobody may relay before', async () => {
    for (const from of ['127.0.0.5', '127.0.0.6']) assert.match(await site.recipientElsewhere(from), notForUs);
  });

  const rows: [from: string, user: string, where: string][] = [
    ['127.0.0.5', ownUser, 'a worker'],
    ['127.0.0.6', agentUser, 'an agent of another uid'],
  ];
  for (const [from, user, where] of rows) {
    await t.test(`at ${where}, for the very next connection`, async () => {
      assert.match(await site.logIn(from, user), /^\+OK/);
      assert.doesNotMatch(await site.recipientElsewhere(from), notForUs);
    });
  }

  await t.test('not for a wrong password', async () => {
    assert.match(await site.logIn('127.0.0.7', ownUser, 'wrong'), /^-ERR/);
    assert.match(await site.recipientElsewhere('127.0.0.7'), notForUs);
  });

  await t.test('the files are those that vchkpw leaves', () => {
    const addresses = readFileSync(site.file('/home/vpopmail/etc/open-smtp'), 'latin1').replace(/:.*/g, '');
    assert.equal(addresses, '127.0.0.5\n127.0.0.6\n');
    const { uid, gid, mode } = statSync(site.file('/etc/tcp/smtp.cdb'));
    assert.deepEqual([uid, gid, mode & 0o777], [6020, 6020, 0o644]);
  });
});

test('a host that has open-smtp goes on with it, unasked; one that has it not does not begin', async (t) => {
  if (!needsRoot(t)) return;
  const site = await start(t);
  const table = site.file('/home/vpopmail/etc/open-smtp');
  for (const user of [ownUser, agentUser]) assert.match(await site.logIn('127.0.0.5', user), /^\+OK/);
  assert.match(await site.recipientElsewhere('127.0.0.5'), /^553 /);
  assert.equal(existsSync(table), false);
  writeFileSync(table, '');
  for (const [from, user] of [
    ['127.0.0.5', ownUser],
    ['127.0.0.6', agentUser],
  ] as const) {
    assert.match(await site.logIn(from, user), /^\+OK/);
    assert.doesNotMatch(await site.recipientElsewhere(from), /^553 /);
  }
});

test('--pop-before-smtp off: logins leave the relay alone', async (t) => {
  if (!needsRoot(t)) return;
  const site = await start(t, '--pop-before-smtp', 'off');
  writeFileSync(site.file('/home/vpopmail/etc/open-smtp'), '');
  for (const user of [ownUser, agentUser]) assert.match(await site.logIn('127.0.0.5', user), /^\+OK/);
  assert.match(await site.recipientElsewhere('127.0.0.5'), /^553 /);
  assert.equal(readFileSync(site.file('/home/vpopmail/etc/open-smtp'), 'latin1'), '');
});
