// `vqmail serve --listen postmap=...`: a unix socket and a port, through workers without root.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SystemAccounts } from '../../src/files/accounts.js';
import { Layout } from '../../src/layout.js';
import { needsRoot } from '../support/needs.js';
import { PostmapClient } from '../support/postmap-client.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { startServer } from '../support/started-server.js';
import { startSampleHost } from './sample-server.js';

test('a unix socket and a port, through workers without root; the picked SMTP port is the next hop', async (t) => {
  if (!needsRoot(t)) return;
  const directory = newRoot('vqmail-postmap');
  t.after(() => removeRoot(directory));
  const socket = path.join(directory, 'vqmail/postmap');
  const mail = new SystemAccounts(new Layout()).group('mail');
  const listen = ['--listen', `postmap=unix:${socket},mode=0660,group=mail`, '--listen', 'postmap=127.0.0.1:0'];
  const { server } = await startSampleHost(t, ['--workers', '2', ...listen]);
  const status = fs.statSync(socket);
  assert.deepEqual([status.mode & 0o777, status.uid, status.gid], [0o660, 0, mail?.gid]);
  const clients: PostmapClient[] = [];
  for (const place of [socket, socket, socket, server.ports.postmap ?? 0])
    clients.push(await PostmapClient.open(place));
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients) {
    assert.equal(await client.ask('relay-domains', 'mailtest.example.jp'), 'OK OK');
    assert.equal(await client.ask('recipients', 'test@mailtest.example.jp'), 'OK OK');
    assert.equal(await client.ask('recipients', 'nobody@mailtest.example.jp'), 'NOTFOUND ');
    assert.equal(await client.ask('transport', 'test@mailtest.example.jp'), `OK smtp:[127.0.0.1]:${server.ports.smtp}`);
  }
  assert.equal(await server.stop(), 0);
  for (const client of clients) await client.ended;
  assert.equal(fs.existsSync(socket), false);
});

test('one process: a given next hop, a full server, the socket of a killed one', async (t) => {
  const directory = newRoot('vqmail-postmap');
  t.after(() => removeRoot(directory));
  const socket = path.join(directory, 'postmap');
  const options = ['--workers', '0', '--max-connections', '1', '--listen', `postmap=unix:${socket}`];
  const { server, root } = await startSampleHost(t, [...options, '--postmap-transport', 'lmtp:unix:/run/lmtp']);
  assert.equal(fs.statSync(socket).mode & 0o777, 0o666);
  const client = await PostmapClient.open(socket);
  assert.equal(await client.ask('transport', 'test@mailtest.example.jp'), 'OK lmtp:unix:/run/lmtp');
  const refused = await PostmapClient.open(socket);
  assert.equal(await refused.answer(), 'TEMP too many connections, try again later');
  await refused.ended;
  await assert.rejects(startServer(['--root', root, ...options]), /another program listens there already/);
  assert.equal(await client.ask('relay-domains', 'mailtest.example.jp'), 'OK OK');
  await server.stop('SIGKILL');
  const next = await startServer(['--root', root, ...options]);
  const again = await PostmapClient.open(socket);
  assert.equal(await again.ask('relay-domains', 'mailtest.example.jp'), 'OK OK');
  assert.match(await again.ask('transport', 'test@mailtest.example.jp'), /^TEMP the next hop is not known/);
  again.destroy();
  assert.equal(await next.stop(), 0);
});

test('what cannot be served is refused before anything listens', async (t) => {
  const { root } = await startSampleHost(t, ['--workers', '0']);
  const rows: readonly [string[], RegExp][] = [
    [['--listen', 'smtp=unix:/tmp/x'], /smtp listens at ADDRESS:PORT, not at a path/],
    [['--listen', 'postmap=unix:/tmp/x,mode=9'], /mode=9 is no mode such as 0660/],
    [['--listen', `postmap=unix:${root}/x,group=nosuchgroup`], /this machine has no group nosuchgroup/],
    [['--listen', 'postmap=127.0.0.1:0', '--postmap-transport', 'nowhere'], /write it as Postfix does/],
  ];
  for (const [args, why] of rows) await assert.rejects(startServer(['--root', root, ...args]), why);
  assert.equal(fs.existsSync(path.join(root, 'x')), false);
});
