// Submission of `vqmail serve` with its processes: what a user may send and how many sessions there may be counts over all session workers; users of a domain that belongs to another uid.

import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { changeAccount, removeAccount } from '../support/account-change.js';
import { needsRoot } from '../support/needs.js';
import { type StartedServer, startServer } from '../support/started-server.js';
import { agentOf, giveToHoster, hosterDirectory, hosterDomain } from './foreign-domain.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

const ownUser = 'test@mailtest.example.jp';

async function start(t: TestContext, ...options: string[]): Promise<StartedServer> {
  return (await startHost(t, ...options)).server;
}

function startHost(t: TestContext, ...options: string[]): ReturnType<typeof startSampleHost> {
  const listen = ['--listen', 'submission=127.0.0.1:0', '--workers', '2', '--queue', 'off'];
  return startSampleHost(t, [...listen, ...options], giveToHoster);
}

async function logIn(
  t: TestContext,
  server: StartedServer,
  user = ownUser,
): Promise<{ client: TextClient; reply: string }> {
  const client = await TextClient.open(server.ports.submission);
  t.after(() => client.destroy());
  await client.ask('EHLO phone.example');
  const reply = await client.ask(`AUTH PLAIN ${Buffer.from(`\0${user}\0password`).toString('base64')}`);
  return { client, reply };
}

async function send(client: TextClient, sender = ownUser): Promise<string> {
  for (const line of [`MAIL FROM:<${sender}>`, `RCPT TO:<${ownUser}>`, 'DATA']) {
    const reply = await client.ask(line);
    if (!/^[23]/.test(reply)) return reply;
  }
  return client.ask('Subject: x\r\n\r\nhello\r\n.');
}

test('--rate-messages counts over all workers', async (t) => {
  if (!needsRoot(t)) return;
  const server = await start(t, '--rate-messages', '3');
  // Two sessions at once are at two workers.
  const [one, other] = [await logIn(t, server), await logIn(t, server)];
  for (const client of [one.client, other.client, one.client]) assert.match(await send(client), /^250 ok /);
  for (const client of [other.client, one.client]) assert.match(await send(client), /^450 4\.7\.1 /);
  assert.match(server.log(), /^warning: test@mailtest\.example\.jp has sent 3 messages within an hour/m);
  assert.equal(await server.stop(), 0);
});

test('what was sent counts over a restart, of one process and of several', async (t) => {
  for (const workers of needsRoot(t) ? ['0', '2'] : ['0']) {
    const { server, root } = await startHost(t, '--rate-messages', '2', '--workers', workers);
    const { client } = await logIn(t, server);
    for (let n = 0; n < 2; n++) assert.match(await send(client), /^250 ok /);
    client.destroy();
    assert.equal(await server.stop(), 0);
    const next = await startServer([
      ...['--root', root, '--listen', 'submission=127.0.0.1:0', '--workers', workers],
      ...['--queue', 'off', '--rate-messages', '2'],
    ]);
    t.after(() => next.stop('SIGKILL'));
    assert.match(await send((await logIn(t, next)).client), /^450 4\.7\.1 /);
  }
});

test('--max-sessions-per-user counts over all workers, and a session that ends makes room', async (t) => {
  if (!needsRoot(t)) return;
  const server = await start(t, '--max-sessions-per-user', '3');
  const sessions = [await logIn(t, server), await logIn(t, server), await logIn(t, server)];
  for (const { reply } of sessions) assert.equal(reply, '235 ok, go ahead (#2.0.0)');
  assert.match((await logIn(t, server)).reply, /^421 4\.7\.0 too many sessions of test@mailtest\.example\.jp/);
  assert.equal((await logIn(t, server, 'hanako@mailtest.example.jp')).reply, '235 ok, go ahead (#2.0.0)');
  sessions[0]?.client.destroy();
  let reply = '';
  for (let tries = 0; tries < 100 && !reply.startsWith('235'); tries++) reply = (await logIn(t, server)).reply;
  assert.equal(reply, '235 ok, go ahead (#2.0.0)');
});

test('a user of a domain that belongs to another uid', async (t) => {
  if (!needsRoot(t)) return;
  const server = await start(t);
  const user = `mina@${hosterDomain}`;
  const { client, reply } = await logIn(t, server, user);
  assert.equal(reply, '235 ok, go ahead (#2.0.0)');
  assert.match(
    await send(client, ownUser),
    /^553 5\.7\.1 sorry, <test@mailtest\.example\.jp> is not an address of mina@/,
  );
  assert.match(await send(client, user), /^250 ok /);
  assert.match(await send(client, `mina-list@${hosterDomain}`), /^250 ok /, 'its own process is asked where it leads');
  await until(() => /login mina@/.test(server.log()));
});

test('sessions of such a user end when its account changes, or nobody can look at it any more', async (t) => {
  if (!needsRoot(t)) return;
  const { server, root } = await startHost(t);
  const user = (name: string): string => `${name}@${hosterDomain}`;
  const [mina, other, quo] = [
    await logIn(t, server, user('mina')),
    await logIn(t, server, user('mina')),
    await logIn(t, server, user('quo')),
  ];
  assert.equal(await mina.client.ask(`MAIL FROM:<${user('mina')}>`), '250 ok');
  await until(() => (server.log().match(/accounts are watched/g) ?? []).length === 2);
  changeAccount(path.join(root, hosterDirectory), 'mina', removeAccount);
  for (const { client } of [mina, other])
    assert.equal(await client.line(), '421 4.7.0 the account has changed, log in again');
  assert.match(server.log(), /^submission: the session of mina@shop\.example\.gr\.jp ends: the account was removed$/m);
  assert.equal(await quo.client.ask('NOOP'), '250 ok', 'the session of another');
  const agent = agentOf(server.process.pid ?? 0);
  assert.ok(agent);
  process.kill(agent, 'SIGKILL');
  assert.match(await quo.client.line(), /^421 4\.7\.0 /);
});
