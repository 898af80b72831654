// Who may connect, with which environment, and what happens when the host's files cannot be read.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { NameResolver } from '../../../src/net/client-name.js';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { type TestHost, testHost } from '../../support/smtp-host.js';

const sender = 'MAIL FROM:<noel@example.gr.jp>';
const remote = 'RCPT TO:<x@elsewhere.example>';
const notAllowed = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)";

async function mayRelay(host: TestHost, from: string): Promise<boolean> {
  const client = await host.greeted(from);
  await client.command(sender);
  const reply = await client.command(remote);
  client.destroy();
  assert.ok(reply === '250 ok' || reply === notAllowed, reply);
  return reply === '250 ok';
}

test('no rules file: everybody, and nobody may relay', async (t) => {
  const host = await testHost(t, collectingDelivery());
  rmSync(path.join(host.root, 'etc/tcp/smtp.cdb'));
  assert.equal(await mayRelay(host, '127.0.0.1'), false);
});

test('RELAYCLIENT lets a client relay, and rules are looked at for each connection', async (t) => {
  const host = await testHost(t, collectingDelivery(), { rules: '127.0.0.5:allow,RELAYCLIENT=""\n:allow\n' });
  assert.equal(await mayRelay(host, '127.0.0.5'), true);
  assert.equal(await mayRelay(host, '127.0.0.6'), false);
  host.rules('127.0.0.6:allow,RELAYCLIENT=""\n:allow\n');
  assert.equal(await mayRelay(host, '127.0.0.5'), false);
  assert.equal(await mayRelay(host, '127.0.0.6'), true);
  host.rules(':deny\n');
  const denied = await SmtpClient.connect(host.port, '127.0.0.6');
  assert.equal(await denied.closed(), '');
  assert.match(host.log(), /smtp: deny 127\.0\.0\.6 by rule/);
});

test('a denied client gets no byte, also when it talks first', async (t) => {
  const host = await testHost(t, collectingDelivery(), { rules: ':deny\n' });
  const client = await SmtpClient.connect(host.port);
  client.send(`EHLO x\r\n${sender}\r\n`);
  assert.equal(await client.closed(), '');
});

const broken: [reason: string, breakRules: (file: string) => void][] = [
  ['empty', (file) => writeFileSync(file, '')],
  ['text in its place', (file) => writeFileSync(file, ':allow,RELAYCLIENT=""\n'.repeat(200))],
  ['zeros', (file) => writeFileSync(file, Buffer.alloc(2100))],
  [
    'a directory',
    (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  ],
];

for (const [reason, breakRules] of broken) {
  test(`rules that cannot be read (${reason}): 421, logged with the path`, async (t) => {
    const host = await testHost(t, collectingDelivery());
    const file = path.join(host.root, 'etc/tcp/smtp.cdb');
    breakRules(file);
    const client = await SmtpClient.connect(host.port);
    client.send('EHLO x\r\n');
    assert.equal(await client.closed(), '421 unable to read controls (#4.3.0)\r\n');
    assert.match(host.log(), /alert: smtp: .*etc\/tcp\/smtp\.cdb/);
    rmSync(file, { recursive: true });
    assert.equal(await mayRelay(host, '127.0.0.1'), false);
  });
}

for (const name of [
  'smtpgreeting',
  'rcpthosts',
  'badmailfrom',
  'databytes',
  'localiphost',
  'timeoutsmtpd',
  'morercpthosts.cdb',
]) {
  test(`control/${name} that cannot be read: 421 before the greeting, and again fine once it can`, async (t) => {
    const host = await testHost(t, collectingDelivery());
    host.control(name, null);
    mkdirSync(path.join(host.root, 'var/qmail/control', name));
    const client = await SmtpClient.connect(host.port);
    assert.equal(await client.closed(), '421 unable to read controls (#4.3.0)\r\n');
    assert.match(host.log(), new RegExp(`alert: smtp: .*control/${name}`));
    host.control(name, null);
    host.control('rcpthosts', 'mailtest.example.jp\n');
    assert.equal(await mayRelay(host, '127.0.0.1'), false);
  });
}

test('a broken morercpthosts.cdb is in the way of the recipients that are not in rcpthosts, and of nobody else', async (t) => {
  const host = await testHost(t, collectingDelivery());
  host.control('morercpthosts.cdb', 'x');
  const client = await host.greeted();
  await client.command(sender);
  assert.equal(await client.command('RCPT TO:<test@mailtest.example.jp>'), '250 ok');
  assert.equal(await client.command(remote), '421 unable to read controls (#4.3.0)');
});

test('control files that change during a session count from the next command on', async (t) => {
  const host = await testHost(t, collectingDelivery());
  const client = await host.greeted();
  await client.command(sender);
  assert.equal(await client.command(remote), notAllowed);
  host.control('rcpthosts', 'mailtest.example.jp\nelsewhere.example\n');
  assert.equal(await client.command(remote), '250 ok');
  host.control('badmailfrom', '@example.gr.jp\n');
  await client.command(sender);
  assert.match((await client.command(remote)) ?? '', /^553 .*badmailfrom/);
  host.control('badmailfrom', null);
  mkdirSync(path.join(host.root, 'var/qmail/control/badmailfrom'));
  assert.equal(await client.command(sender), '421 unable to read controls (#4.3.0)');
  assert.equal(await client.closed(), '');
});

test('IPv6 clients meet rules in the short form, and it stands in the Received line', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { rules: '::1:allow,RELAYCLIENT=""\n:deny\n', listenOn: '::' });
  const client = await SmtpClient.connect(host.port, '::1', '::1');
  t.after(() => client.destroy());
  await client.reply();
  await client.command(sender);
  assert.equal(await client.command(remote), '250 ok');
  await client.command('DATA');
  assert.match((await client.command('x\r\n.')) ?? '', /^250 ok/);
  assert.match(delivery.messages[0]?.text ?? '', /\nReceived: from unknown \(::1\)\n/);
});

test('an IPv4 client of an IPv6 socket is an IPv4 client', async (t) => {
  const host = await testHost(t, collectingDelivery(), {
    rules: '127.0.0.7:allow,RELAYCLIENT=""\n:allow\n',
    listenOn: '::',
  });
  assert.equal(await mayRelay(host, '127.0.0.7'), true);
  assert.equal(await mayRelay(host, '127.0.0.8'), false);
});

const names: Record<string, string> = {
  '127.0.0.10': 'Host.Friend.Example.',
  '127.0.0.11': 'liar.friend.example',
  '127.0.0.12': 'odd name.friend.example',
};
const resolver: NameResolver = {
  reverse: async (ip) => {
    const name = names[ip];
    if (name === undefined) throw new Error('ENOTFOUND');
    return [name];
  },
  resolve4: (async (name: string) =>
    name.startsWith('Host') ? ['192.0.2.1', '127.0.0.10'] : ['192.0.2.1']) as unknown as NameResolver['resolve4'],
  resolve6: (async () => []) as unknown as NameResolver['resolve6'],
};

test('rules by host name count for a name that leads back to the address', async (t) => {
  const delivery = collectingDelivery();
  const options = {
    rules: '=.friend.example:allow,RELAYCLIENT=""\n:allow\n',
    resolver,
    settings: { resolveClientNames: true },
  };
  const host = await testHost(t, delivery, options);
  assert.equal(await mayRelay(host, '127.0.0.10'), true, 'name and address agree');
  assert.equal(await mayRelay(host, '127.0.0.11'), false, 'the name leads elsewhere');
  assert.equal(await mayRelay(host, '127.0.0.12'), false, 'not a host name');
  assert.equal(await mayRelay(host, '127.0.0.13'), false, 'no name');
  const client = await host.greeted('127.0.0.10');
  await client.command('HELO HOST.friend.example');
  await client.command(sender);
  await client.command(remote);
  await client.command('DATA');
  await client.command('x\r\n.');
  assert.match(
    delivery.messages[0]?.text ?? '',
    /\nReceived: from host\.friend\.example \(127\.0\.0\.10\)\n {2}by mail\.example\.gr\.jp with SMTP; /,
  );
});

test('without the setting no name is looked up', async (t) => {
  const refusing: NameResolver = { ...resolver, reverse: () => Promise.reject(new Error('asked')) };
  const host = await testHost(t, collectingDelivery(), {
    rules: '=.friend.example:allow,RELAYCLIENT=""\n:allow\n',
    resolver: refusing,
  });
  assert.equal(await mayRelay(host, '127.0.0.10'), false);
});
