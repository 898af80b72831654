// A domain that users/assign gives to another uid than vpopmail's: mail for it and POP3 sessions of it go through a process of that uid.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { agentOf, hosterDirectory as directory, hosterDomain as domain, giveToHoster } from './foreign-domain.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

async function send(port: number | undefined, ...recipients: string[]): Promise<string> {
  const client = await TextClient.open(port);
  for (const line of ['EHLO me', 'MAIL FROM:<a@b.example>']) assert.match(await client.ask(line), /^250 /);
  for (const recipient of recipients) {
    const answer = await client.ask(`RCPT TO:<${recipient}>`);
    if (answer.startsWith('250')) continue;
    client.destroy();
    return answer;
  }
  assert.match(await client.ask('DATA'), /^354 /);
  const answer = await client.ask('Subject: for hoster\r\n\r\n..dot\r\nlast line\r\n.');
  client.destroy();
  return answer;
}

test('mail for the domain of another uid, and its POP3 sessions', async (t) => {
  if (!needsRoot(t)) return;
  const { server, root } = await startSampleHost(t, ['--workers', '1'], giveToHoster);
  const supervisor = server.process.pid ?? 0;
  const newOf = (maildir: string): string[] => readdirSync(path.join(root, maildir, 'new'));

  await t.test('no agent runs before it is needed', () => assert.equal(agentOf(supervisor), undefined));

  await t.test('delivered with its uid and the same head as for everybody', async () => {
    assert.match(await send(server.ports.smtp, `mina@${domain}`), /^250 ok /);
    const [name = ''] = newOf(`${directory}/mina/Maildir`);
    const stored = path.join(root, directory, 'mina/Maildir/new', name);
    const { uid, gid, mode, size } = statSync(stored);
    assert.deepEqual([uid, gid, mode & 0o777], [7001, 7001, 0o600]);
    assert.match(name, new RegExp(`,S=${size}$`));
    const text = readFileSync(stored, 'latin1');
    assert.match(text, /^Return-Path: <a@b\.example>\nDelivered-To: mina@shop\.example\.gr\.jp\nReceived: /);
    assert.match(text, /\n\n\.dot\nlast line\n$/);
  });

  await t.test('the agent is that uid and nothing else, in every thread', () => {
    const pid = agentOf(supervisor);
    assert.ok(pid);
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
      assert.match(status, /^Uid:\t7001\t7001\t7001\t7001$/m);
      assert.match(status, /^Gid:\t7001\t7001\t7001\t7001$/m);
      assert.match(status, /^Groups:\t7001 $/m);
    }
  });

  await t.test('one message for both owners is in both mailboxes', async () => {
    assert.match(await send(server.ports.smtp, `quo@${domain}`, 'test@mailtest.example.jp'), /^250 ok /);
    assert.equal(newOf(`${directory}/quo/Maildir`).length, 1);
    assert.equal(newOf('/home/vpopmail/domains/mailtest.example.jp/test/Maildir').length, 1);
  });

  await t.test('over quota there is a refusal here', async () => {
    for (let n = 0; n < 8; n++) {
      const answer = await send(server.ports.smtp, `quo@${domain}`);
      if (answer.startsWith('250')) continue;
      assert.match(answer, /^552 /);
      return;
    }
    assert.fail('never over quota');
  });

  await t.test('a POP3 session', async () => {
    const client = await TextClient.open(server.ports.pop3);
    assert.equal((await client.ask(`USER mina@${domain}`)).slice(0, 3), '+OK');
    assert.equal((await client.ask('PASS password')).slice(0, 3), '+OK');
    assert.match(await client.ask('STAT'), /^\+OK 1 /);
    assert.match(await client.ask('DELE 1'), /^\+OK/);
    assert.match(await client.ask('QUIT'), /^\+OK/);
    await until(() => newOf(`${directory}/mina/Maildir`).length === 0);
    assert.equal(statSync(path.join(root, directory, 'mina/lastauth')).uid, 7001);
  });

  await t.test('a wrong password there', async () => {
    const client = await TextClient.open(server.ports.pop3);
    await client.ask(`USER mina@${domain}`);
    assert.match(await client.ask('PASS wrong'), /^-ERR /);
    await until(() => server.log().includes(`password fail mina@${domain}:127.0.0.1`));
  });

  await t.test('an agent that was killed is started again', async () => {
    const agent = agentOf(supervisor);
    assert.ok(agent);
    process.kill(agent, 'SIGKILL');
    await until(() => server.log().includes('of uid 7001 ended with SIGKILL'));
    assert.match(await send(server.ports.smtp, `mina@${domain}`), /^250 ok /);
  });

  await t.test('all end together', async () => {
    const agent = agentOf(supervisor);
    assert.ok(agent);
    assert.equal(await server.stop(), 0);
    assert.throws(() => process.kill(agent, 0));
  });
});
