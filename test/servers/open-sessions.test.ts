// Sessions that end because their account is not what it was when they logged in: with a -ERR line, and without what they marked as deleted.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { changeAccount, type EditFields, removeAccount, setField } from '../support/account-change.js';
import type { Pop3Client } from '../support/pop3-client.js';
import { type Pop3Host, pop3Host, testPassword, testUser } from '../support/pop3-host.js';

const domain = 'mailtest.example.jp';
const ended = '-ERR the account has changed, log in again\r\n';

function fileOf(host: Pop3Host, name: string): string {
  return path.join(host.root, 'home/vpopmail/domains', domain, name);
}

function change(host: Pop3Host, user: string, edit: EditFields): void {
  changeAccount(fileOf(host, ''), user, edit);
}

const rows: readonly {
  readonly reason: string;
  readonly act: (host: Pop3Host) => void;
  readonly log: RegExp | undefined;
}[] = [
  { reason: 'removed', act: (host) => change(host, 'test', removeAccount), log: /the account was removed$/ },
  { reason: 're-passworded', act: (host) => change(host, 'test', setField(1, 'x')), log: /its password was changed$/ },
  {
    reason: 'closed by its flags',
    act: (host) => change(host, 'test', setField(3, '2')),
    log: /its access was closed$/,
  },
  {
    reason: 'closed by the limits of its domain',
    act: (host) => writeFileSync(fileOf(host, '.qmailadmin-limits'), 'disable_pop\n'),
    log: /its access was closed$/,
  },
  {
    reason: 'its domain was removed',
    act: (host) => writeFileSync(path.join(host.root, 'var/qmail/users/cdb'), makeCdb([{ key: '', data: '' }])),
    log: /the account was removed$/,
  },
  { reason: 'another quota changes nothing', act: (host) => change(host, 'test', setField(6, '1S')), log: undefined },
  { reason: 'another account changes nothing', act: (host) => change(host, 'hanako', removeAccount), log: undefined },
  {
    reason: 'a clear password that went away does not matter to a session by password',
    act: (host) => change(host, 'test', setField(7, '')),
    log: undefined,
  },
  {
    reason: 'the limits forbid another service',
    act: (host) => writeFileSync(fileOf(host, '.qmailadmin-limits'), 'disable_imap\n'),
    log: undefined,
  },
  {
    reason: 'no user database is our trouble, and nobody has to leave for it',
    act: (host) => {
      unlinkSync(fileOf(host, 'vpasswd'));
      unlinkSync(fileOf(host, 'vpasswd.cdb'));
    },
    log: undefined,
  },
];

/** A client that did not come from the host itself, and has marked its first message as deleted. */
async function withDeletion(host: Pop3Host): Promise<Pop3Client> {
  const client = await host.connect('127.0.0.2');
  assert.equal(await client.logIn(testUser, testPassword), '+OK \r\n');
  assert.equal(await client.ask('DELE 1'), '+OK \r\n');
  return client;
}

for (const { reason, act, log } of rows) {
  test(`an open session: ${reason}`, async (t) => {
    const host = await pop3Host(t);
    const names = host.names();
    const client = await withDeletion(host);
    act(host);
    host.sessions.recheck([{ domain, users: ['test'] }]);
    if (log === undefined) {
      assert.equal(await client.ask('NOOP'), '+OK \r\n');
      assert.equal(host.sessions.size, 1);
      return;
    }
    assert.equal(await client.closed(), ended);
    assert.deepEqual(host.names(), names, 'the marked message is still there');
    assert.match(host.log.at(-1) ?? '', log);
    assert.equal(host.sessions.size, 0);
  });
}

test('commands that were sent ahead are not obeyed any more', async (t) => {
  const host = await pop3Host(t);
  const names = host.names();
  const client = await withDeletion(host);
  change(host, 'test', removeAccount);
  host.sessions.recheck('all');
  client.send('DELE 2\r\nQUIT\r\n');
  assert.equal(await client.closed(), ended);
  assert.deepEqual(host.names(), names);
});

test('a message that is being sent is sent to its end', async (t) => {
  const host = await pop3Host(t, { empty: true });
  const size = 8 * 1024 * 1024;
  host.put('new/1.a.b', `Subject: big\n\n${'0123456789\n'.repeat(size / 11)}`);
  const client = await host.connect('127.0.0.2');
  await client.logIn(testUser, testPassword);
  client.socket.pause();
  client.send('RETR 1\r\n');
  await new Promise((resolve) => setTimeout(resolve, 100));
  change(host, 'test', removeAccount);
  host.sessions.recheck('all');
  client.socket.resume();
  const rest = await client.closed();
  assert.ok(rest.length > size);
  assert.ok(rest.endsWith(`\r\n.\r\n${ended}`));
});

test('a look between the decision about a login and its session is not missed', async (t) => {
  const host = await pop3Host(t);
  const looksBefore = host.sessions.looks;
  change(host, 'test', setField(1, 'x'));
  host.sessions.recheck([{ domain, users: ['test'] }]);
  const ends: string[] = [];
  const account = { name: 'test', domain, passwd: 'the hash before', clearPasswd: undefined };
  const session = { service: 'pop3', kind: 'pop' as const, account, byClearPassword: false };
  const leave = host.sessions.enter({ ...session, end: (why) => ends.push(why) }, looksBefore);
  assert.deepEqual(ends, ['its password was changed']);
  leave();
  assert.equal(host.sessions.size, 0);
});

test('a session by APOP ends when the clear password is another one', async (t) => {
  const host = await pop3Host(t);
  change(host, 'test', (fields) => [...fields.slice(0, 7), 'secret']);
  const client = await host.connect('127.0.0.2');
  const timestamp = /<[^>]*>/.exec(await client.line())?.[0] ?? '';
  const digest = createHash('md5').update(`${timestamp}secret`).digest('hex');
  assert.equal(await client.ask(`APOP ${testUser} ${digest}`), '+OK \r\n');
  change(host, 'test', (fields) => [...fields.slice(0, 7), 'another']);
  host.sessions.recheck('all');
  assert.equal(await client.closed(), ended);
});

test('sessions that are over are forgotten', async (t) => {
  const host = await pop3Host(t);
  const [first, second] = [await host.loggedIn(), await host.loggedIn()];
  assert.equal(host.sessions.size, 2);
  await first.ask('QUIT');
  await first.closed();
  second.reset();
  while (host.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});
