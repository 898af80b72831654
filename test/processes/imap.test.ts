// IMAP of `vqmail serve` with its processes: at a worker, at an agent of another uid, in one process; what comes is told at once wherever it was taken in.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { changeAccount, removeAccount, setField } from '../support/account-change.js';
import { ImapClient } from '../support/imap-client.js';
import { needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { agentOf, giveToHoster, hosterDirectory, hosterDomain } from './foreign-domain.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

const own = { user: 'test@mailtest.example.jp', home: '/home/vpopmail/domains/mailtest.example.jp/test' };
const foreign = { user: `mina@${hosterDomain}`, home: `${hosterDirectory}/mina` };
const imap = ['--listen', 'imap=127.0.0.1:0'];

async function logIn(t: TestContext, port: number | undefined, user: string, from?: string): Promise<ImapClient> {
  const client = await ImapClient.connect(port ?? 0, from);
  t.after(() => client.destroy());
  assert.match(await client.response(), /^\* OK \[CAPABILITY IMAP4rev1 /);
  assert.match(await client.tagged(`LOGIN ${user} password`), /^OK \[CAPABILITY IMAP4rev1 .*\] Logged in$/);
  return client;
}

async function send(port: number | undefined, recipient: string): Promise<void> {
  const client = await TextClient.open(port);
  for (const line of ['EHLO me', 'MAIL FROM:<a@b.example>', `RCPT TO:<${recipient}>`])
    assert.match(await client.ask(line), /^250 /);
  assert.match(await client.ask('DATA'), /^354 /);
  assert.match(await client.ask('Subject: hello\r\n\r\nbody\r\n.'), /^250 /);
  client.destroy();
}

/** What a client that idles is told of a message for it. */
async function idleThrough(client: ImapClient, deliver: () => Promise<void>, count: number): Promise<void> {
  client.send('i IDLE\r\n');
  assert.equal(await client.response(), '+ idling');
  await deliver();
  assert.equal(await client.response(), `* ${count} EXISTS`);
  client.send('DONE\r\n');
  assert.equal((await client.responses('i')).at(-1), 'i OK Idle completed.');
}

test('sessions at workers and at the agent of another uid', async (t) => {
  if (!needsRoot(t)) return;
  const options = ['--workers', '2', '--pop-before-smtp', 'on', '--proxy-from', '127.0.0.9', ...imap];
  const { server, root } = await startSampleHost(t, options, giveToHoster);
  const { ports } = server;

  for (const [where, { user, home }] of [
    ['at a worker', own],
    ['at an agent', foreign],
  ] as const)
    await t.test(`${where}: what comes is told, read, changed and removed`, async () => {
      const client = await logIn(t, ports.imap, user);
      assert.equal((await client.ask('SELECT INBOX')).at(-1), 'OK [READ-WRITE] Select completed.');
      await idleThrough(client, () => send(ports.smtp, user), 1);
      const [fetched = ''] = await client.ask('UID FETCH 1 (BODY[TEXT])');
      assert.match(fetched, /^\* 1 FETCH \(UID 1 .*BODY\[TEXT\] \{6\}\r\nbody\r\n/);
      assert.match(await client.tagged('APPEND INBOX (\\Draft) {3+}\r\nabc'), /^OK \[APPENDUID \d+ 2\]/);
      assert.match(await client.tagged('CREATE Work'), /^OK /);
      assert.match(await client.tagged('UID MOVE 1 Work'), /^OK /);
      const owner = statSync(path.join(root, path.dirname(home)));
      for (const name of ['Maildir/.Work', 'Maildir/.Work/dovecot-uidlist', 'Maildir/dovecot-uidlist', 'lastauth']) {
        const { uid, gid } = statSync(path.join(root, home, name));
        assert.deepEqual([uid, gid], [owner.uid, owner.gid], name);
      }
      assert.deepEqual(await client.ask('LOGOUT'), ['* BYE Logging out', 'OK Logout completed.']);
    });

  await t.test('what was sent ahead of the login is answered there', async () => {
    const client = await ImapClient.connect(ports.imap ?? 0);
    t.after(() => client.destroy());
    client.send(`a LOGIN ${foreign.user} password\r\nb EXAMINE INBOX\r\nc LOGOUT\r\n`);
    const text = await client.closed();
    assert.match(text, /\r\na OK .*Logged in\r\n(.*\r\n)*b OK \[READ-ONLY\] .*\r\n\* BYE .*\r\nc OK /);
  });

  await t.test('a wrong password there, and the session goes on', async () => {
    const client = await ImapClient.connect(ports.imap ?? 0);
    t.after(() => client.destroy());
    await client.response();
    const wrong = 'NO [AUTHENTICATIONFAILED] Authentication failed.';
    assert.equal(await client.tagged(`LOGIN ${foreign.user} wrong`), wrong);
    await until(() => server.log().includes(`vchkpw-webmail: password fail ${foreign.user}:127.0.0.1`));
    assert.match(await client.tagged(`LOGIN ${foreign.user} password`), /^OK /);
  });

  await t.test('a client behind a proxy is who the proxy says', async () => {
    const client = await ImapClient.connect(ports.imap ?? 0, '127.0.0.9');
    t.after(() => client.destroy());
    client.send('PROXY TCP4 192.0.2.77 198.51.100.1 4000 143\r\n');
    assert.match(await client.response(), /^\* OK /);
    assert.match(await client.tagged(`LOGIN ${own.user} wrong`), /^NO /);
    await until(() => server.log().includes(`vchkpw-imap: password fail ${own.user}:192.0.2.77`));
  });

  await t.test('a login opens the relay', async () => {
    await logIn(t, ports.imap, own.user, '127.0.0.33');
    await until(() => existsSync(path.join(root, '/home/vpopmail/etc/open-smtp')));
    await until(() => readFileSync(path.join(root, '/home/vpopmail/etc/open-smtp'), 'latin1').includes('127.0.0.33'));
  });

  await t.test('sessions end with their account, one that idles too', async () => {
    const [here, there] = [await logIn(t, ports.imap, own.user), await logIn(t, ports.imap, foreign.user)];
    for (const client of [here, there]) {
      await client.ask('SELECT INBOX');
      client.send('i IDLE\r\n');
      assert.equal(await client.response(), '+ idling');
    }
    changeAccount(path.join(root, path.dirname(own.home)), 'test', setField(1, 'x'));
    changeAccount(path.join(root, hosterDirectory), 'mina', removeAccount);
    for (const client of [here, there])
      assert.match(await client.closed(), /\* BYE The account has changed, log in again\.\r\n$/);
  });

  await t.test('the daemon ends in an orderly way while a client idles', async () => {
    const client = await logIn(t, ports.imap, 'hanako@mailtest.example.jp');
    await client.ask('SELECT INBOX');
    client.send('i IDLE\r\n');
    await client.response();
    assert.notEqual(agentOf(server.process.pid ?? 0), undefined);
    const stopped = server.stop('SIGTERM');
    assert.match(await client.closed(), /\* BYE Server shutting down\.\r\n$/);
    client.destroy();
    assert.equal(await stopped, 0);
  });
});

test('sessions of one process, with the prefix INBOX. and mailboxes that everybody has', async (t) => {
  const options = ['--workers', '0', '--imap-namespace', 'INBOX.', '--imap-autosubscribe', 'Sent', ...imap];
  const { server } = await startSampleHost(t, options);
  const client = await logIn(t, server.ports.imap, own.user);
  assert.deepEqual(await client.ask('LSUB "" *'), ['* LSUB () "." INBOX.Sent', 'OK Lsub completed.']);
  assert.equal((await client.ask('SELECT INBOX')).at(-1), 'OK [READ-WRITE] Select completed.');
  await idleThrough(client, () => send(server.ports.smtp, own.user), 1);
});

test('--max-sessions-per-user counts over all workers: the client is told, may go on, and a session that ends makes room', async (t) => {
  if (!needsRoot(t)) return;
  const { server } = await startSampleHost(t, ['--workers', '2', '--max-sessions-per-user', '2', ...imap]);
  const port = server.ports.imap ?? 0;
  const [first] = [await logIn(t, port, own.user), await logIn(t, port, own.user)];
  const third = await ImapClient.connect(port);
  t.after(() => third.destroy());
  await third.response();
  const asked = `LOGIN ${own.user} password`;
  assert.equal(await third.tagged(asked), 'NO [UNAVAILABLE] Too many connections of this user, try again later.');
  assert.deepEqual(await third.ask('NOOP'), ['OK NOOP completed.']);
  await logIn(t, port, 'hanako@mailtest.example.jp');
  assert.deepEqual(await first?.ask('LOGOUT'), ['* BYE Logging out', 'OK Logout completed.']);
  // It does not close its side: it is cut off, after a while.
  let answer = '';
  for (let tries = 0; tries < 1500 && !answer.startsWith('OK '); tries++) {
    await pause(20);
    answer = await third.tagged(asked);
  }
  assert.match(answer, /^OK \[CAPABILITY /);
});

test('a unix socket', async (t) => {
  const folder = newRoot('vqmail-imap');
  t.after(() => removeRoot(folder));
  const place = path.join(folder, 'imap');
  await startSampleHost(t, ['--workers', '0', '--listen', `imap=unix:${place}`]);
  const socket = net.connect(place);
  t.after(() => socket.destroy());
  const client = new ImapClient(socket);
  assert.match(await client.response(), /^\* OK \[CAPABILITY /);
  assert.match(await client.tagged(`LOGIN ${own.user} password`), /^OK /);
  assert.equal((await client.ask('SELECT INBOX')).at(-1), 'OK [READ-WRITE] Select completed.');
  assert.deepEqual(await client.ask('LOGOUT'), ['* BYE Logging out', 'OK Logout completed.']);
});
