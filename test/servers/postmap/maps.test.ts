// What the maps say, in agreement with RCPT.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createDelivery } from '../../../src/delivery/local-delivery.js';
import { flagBits } from '../../../src/formats/vpopmail/vpasswd-flags.js';
import { Layout } from '../../../src/layout.js';
import { findMap, mapNames } from '../../../src/servers/postmap/maps.js';
import { openHost } from '../../../src/stores/host.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

function look(root: string, nextHop = 'smtp:[127.0.0.1]:10025') {
  const host = openHost(new Layout({ root }));
  const source = { control: host.control, delivery: createDelivery(host), nextHop: () => nextHop || undefined };
  return async (map: string, key: string): Promise<string> => {
    const answer = await (findMap(map) ?? assert.fail(map))(source, key);
    return answer.kind === 'found' ? answer.data : answer.kind;
  };
}

test('domains, next hops and recipients of vpopmail domains', async (t) => {
  const files = new VpopmailHost(t);
  const locked = flagBits('BOUNCE_MAIL');
  files.domain('example.jp', {
    accounts: { joe: 0, 'mary-ann': 0, locked, 'with.dot': 0 },
    files: { '.qmail-info': '&joe@example.jp\n', '.qmail-list-default': '|/bin/list\n', '.qmail-a:b': './x/\n' },
    aliases: ['alias.example'],
  });
  files.domain('catch.example', { accounts: { joe: 0, locked }, unknown: '/home/vpopmail/domains/catch.example/joe' });
  files.domain('away.example', { unknown: 'someone@elsewhere.example' });
  files.domain('empty.example', { unknown: 'delete' });
  files.domain('inside.example', { accounts: { joe: 0 }, rcpthosts: false });
  const ask = look(files.root);
  const rows: readonly [string, string, string, string][] = [
    ['relay-domains', 'example.jp', 'OK', 'in rcpthosts and virtualdomains'],
    ['relay-domains', 'EXAMPLE.jp', 'OK', 'any case'],
    ['relay_domains', 'alias.example', 'OK', 'an alias domain'],
    ['relay-domains', 'inside.example', 'not-found', 'strangers may not send to it: not in rcpthosts'],
    ['relay-domains', 'sub.example.jp', 'not-found', 'a domain does not stand for those below'],
    ['relay-domains', 'nowhere.example', 'not-found', 'unknown'],
    ['relay-domains', 'joe@example.jp', 'not-found', 'an address is no domain'],
    ['relay-domains', '', 'not-found', 'the empty key'],
    ['mydestination', 'example.jp', 'OK', 'delivered here'],
    ['virtual_mailbox_domains', 'alias.example', 'OK', 'by another word'],
    ['transport', 'joe@example.jp', 'smtp:[127.0.0.1]:10025', 'Postfix asks with the whole address'],
    ['transport', 'example.jp', 'smtp:[127.0.0.1]:10025', 'and people with the domain'],
    ['transport', 'joe@nowhere.example', 'not-found', 'not ours'],
    ['transport', '*', 'not-found', 'what Postfix asks at its start'],
    ['recipients', 'joe@example.jp', 'OK', 'an account'],
    ['recipients', 'JOE@Example.JP', 'OK', 'any case'],
    ['recipients', 'joe@alias.example', 'OK', 'an account by the alias domain'],
    ['recipients', 'joe-lists@example.jp', 'OK', 'user-extension'],
    ['recipients', 'mary-ann@example.jp', 'OK', 'a dash in the name'],
    ['recipients', 'mary@example.jp', 'not-found', 'half a name'],
    ['recipients', 'with.dot@example.jp', 'OK', 'a dot in the name'],
    ['recipients', 'locked@example.jp', 'not-found', 'BOUNCE_MAIL'],
    ['recipients', 'info@example.jp', 'OK', 'an alias'],
    ['recipients', 'a.b@example.jp', 'temporary', 'an alias whose Maildir is missing'],
    ['recipients', 'list-subscribe@example.jp', 'OK', '.qmail-list-default'],
    ['recipients', 'nobody@example.jp', 'not-found', 'unknown'],
    ['recipients', '@example.jp', 'not-found', 'nobody may be found by his domain alone'],
    ['recipients', 'joe', 'not-found', 'nor by his name alone'],
    ['recipients', 'joe@', 'not-found', 'nor without a domain'],
    ['recipients', '"joe"@example.jp', 'OK', 'a local part in quotes'],
    ['recipients', 'joe@nowhere.example', 'not-found', 'not ours'],
    ['recipients', 'joe@inside.example', 'not-found', 'RCPT of a stranger is refused too'],
    ['recipients', 'anybody@catch.example', 'OK', 'a catch-all'],
    ['recipients', 'locked@catch.example', 'not-found', 'a locked account in it'],
    ['relay_recipient_maps', '@catch.example', 'not-found', 'each is asked for by himself'],
    ['recipients', 'anybody@empty.example', 'OK', 'thrown away, but taken'],
    ['recipients', 'anybody@away.example', 'OK', 'forwarded'],
    ['recipient-access', 'joe@example.jp', 'DUNNO', 'taken'],
    [
      'recipient-access',
      'nobody@example.jp',
      '550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)',
      'refused as here',
    ],
    ['recipient-access', 'joe@nowhere.example', 'DUNNO', "another's business"],
  ];
  for (const [map, key, answer, reason] of rows) assert.equal(await ask(map, key), answer, `${map} ${key}: ${reason}`);
});

test('an account without room exists, and its reply is known', async (t) => {
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0 } });
  const maildir = path.join(files.directory('example.jp'), 'joe/Maildir');
  const vpasswd = path.join(files.directory('example.jp'), 'vpasswd.cdb');
  fs.writeFileSync(vpasswd, Buffer.from(fs.readFileSync(vpasswd, 'latin1').replace('NOQUOTA', '   100S'), 'latin1'));
  fs.writeFileSync(path.join(maildir, 'maildirsize'), '100S\n200 1\n');
  fs.writeFileSync(path.join(maildir, 'new/1.x,S=200'), 'x'.repeat(200));
  const ask = look(files.root);
  assert.equal(await ask('recipients', 'joe@example.jp'), 'OK');
  assert.match(await ask('recipient-access', 'joe@example.jp'), /^552 5\.2\.2 /);
});

test('a backup MX and suffixes of rcpthosts', async (t) => {
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0 } });
  files.control('rcpthosts', 'example.jp\nbackup.example\n.wide.example\n');
  const ask = look(files.root);
  assert.equal(await ask('relay-domains', 'backup.example'), 'OK');
  assert.equal(await ask('mydestination', 'backup.example'), 'not-found', 'passed on, not delivered');
  assert.equal(await ask('transport', 'x@backup.example'), 'not-found', "Postfix's own routes count");
  assert.equal(await ask('recipients', 'x@backup.example'), 'OK', 'the other host knows');
  assert.equal(await ask('relay-domains', 'a.b.wide.example'), 'OK');
  assert.equal(await ask('relay-domains', 'wide.example'), 'not-found');
});

test('without rcpthosts only what is delivered here is served: a front end must not become an open relay', async (t) => {
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0 } });
  files.control('rcpthosts', undefined);
  const ask = look(files.root);
  assert.equal(await ask('relay-domains', 'example.jp'), 'OK');
  assert.equal(await ask('relay-domains', 'elsewhere.example'), 'not-found');
  assert.equal(await ask('recipients', 'joe@example.jp'), 'OK');
  assert.equal(await ask('recipients', 'joe@elsewhere.example'), 'not-found');
});

test('trouble is no answer', async (t) => {
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0 } });
  const ask = look(files.root, '');
  assert.equal(await ask('transport', 'joe@example.jp'), 'temporary', 'nobody told the next hop');
  fs.rmSync(path.join(files.directory('example.jp'), 'vpasswd.cdb'));
  fs.writeFileSync(path.join(files.directory('example.jp'), 'vpasswd.cdb'), 'no cdb');
  assert.equal(await ask('recipients', 'joe@example.jp'), 'temporary');
  assert.equal(await ask('recipients', 'nobody@example.jp'), 'temporary');
  assert.equal(await ask('relay-domains', 'example.jp'), 'OK', 'only what depends on it');
  files.control('rcpthosts', undefined);
  fs.mkdirSync(files.layout.control('rcpthosts'));
  await assert.rejects(async () => ask('relay-domains', 'example.jp'), /temporary trouble/);
});

test('a change is in force at the next look-up', async (t) => {
  const files = new VpopmailHost(t);
  const ask = look(files.root);
  assert.equal(await ask('relay-domains', 'new.example'), 'not-found');
  files.domain('new.example', { accounts: { joe: 0 } });
  assert.equal(await ask('relay-domains', 'new.example'), 'OK');
  assert.equal(await ask('recipients', 'ann@new.example'), 'not-found');
  files.accounts('new.example', { joe: 0, ann: 0 });
  assert.equal(await ask('recipients', 'ann@new.example'), 'OK');
  files.accounts('new.example', { joe: 0 });
  assert.equal(await ask('recipients', 'ann@new.example'), 'not-found');
  files.domain('new.example', undefined);
  assert.equal(await ask('relay-domains', 'new.example'), 'not-found');
});

test('maps have the names of the README', () => {
  assert.deepEqual(mapNames, ['relay-domains', 'mydestination', 'transport', 'recipients', 'recipient-access']);
  for (const name of mapNames) assert.equal(findMap(name.replaceAll('-', '_')), findMap(name));
  for (const name of ['', 'constructor', '__proto__', 'virtual-aliases']) assert.equal(findMap(name), undefined);
});
