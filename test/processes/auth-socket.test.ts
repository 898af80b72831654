// The auth socket of `vqmail serve` with its processes: its mode and owner, accounts of other uids, and that it answers however many clients there are.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SystemAccounts } from '../../src/files/accounts.js';
import { Layout } from '../../src/layout.js';
import { AuthClient } from '../support/auth-client.js';
import { needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { startServer } from '../support/started-server.js';
import { giveToHoster, hosterDirectory, hosterDomain } from './foreign-domain.js';
import { startSampleHost, TextClient } from './sample-server.js';

test('accounts of vpopmail and of another uid, through workers and agents; a server that is full answers still', async (t) => {
  if (!needsRoot(t)) return;
  const directory = newRoot('vqmail-auth');
  t.after(() => removeRoot(directory));
  const socket = path.join(directory, 'vqmail/auth');
  const options = ['--workers', '1', '--max-connections', '2', '--drain-seconds', '1'];
  const listen = ['--listen', `auth=unix:${socket},mode=0660,user=mail,group=mail`, '--listen', 'auth=127.0.0.1:0'];
  const { server, root } = await startSampleHost(t, [...options, ...listen], giveToHoster);
  const mail = new SystemAccounts(new Layout()).user('mail');
  const status = fs.statSync(socket);
  assert.deepEqual([status.mode & 0o777, status.uid, status.gid], [0o660, mail?.uid, mail?.gid]);

  const busy = [await TextClient.open(server.ports.pop3), await TextClient.open(server.ports.pop3)];
  await assert.rejects(
    TextClient.open(server.ports.pop3).then((client) => {
      assert.match(client.greeting, /^-ERR too many connections/);
      throw new Error('refused');
    }),
    /refused/,
  );
  for (const place of [socket, server.ports.auth ?? 0]) {
    const { client } = await AuthClient.greeted(place);
    t.after(() => client.destroy());
    for (const [id, user] of ['test@mailtest.example.jp', `mina@${hosterDomain}`].entries()) {
      assert.equal(
        await client.login(2 * id + 1, 'PLAIN', user, 'password'),
        `OK\t${2 * id + 1}\tuser=${user}`,
        server.log(),
      );
      assert.equal(await client.login(2 * id + 2, 'LOGIN', user, 'wrong'), `FAIL\t${2 * id + 2}`);
    }
    const home = path.join(root, hosterDirectory, 'mina');
    assert.equal(
      await client.ask(`USER\t9\tmina@${hosterDomain}\tservice=lmtp`),
      `USER\t9\tmina@${hosterDomain}\tuid=7001\tgid=7001\thome=${home}\tquota_rule=*:bytes=10485760:messages=1000`,
    );
    assert.equal(await client.ask(`USER\t10\tnobody@${hosterDomain}`), 'NOTFOUND\t10');
  }
  for (const client of busy) client.destroy();
  assert.doesNotMatch(server.log(), /alert|defect/);
  assert.equal(await server.stop(), 0);
  assert.equal(fs.existsSync(socket), false);
});

test('what cannot be served is refused before anything listens', async (t) => {
  const { root } = await startSampleHost(t, ['--workers', '0']);
  const rows: readonly [string[], RegExp][] = [
    [['--listen', 'auth=0.0.0.0:12345'], /passwords go over it in clear: auth listens at a path, or on loopback/],
    [['--listen', 'pop3=unix:/tmp/x'], /pop3 listens at ADDRESS:PORT, not at a path/],
    [
      ['--listen', 'smtp=127.0.0.1:0', '--proxy-from', 'everybody'],
      /--proxy-from: everybody is neither an address nor a network/,
    ],
    [['--listen', 'smtp=127.0.0.1:0', '--xclient-from', '192.0.2.0/33'], /--xclient-from: 192\.0\.2\.0\/33 is neither/],
  ];
  for (const [args, why] of rows) await assert.rejects(startServer(['--root', root, ...args]), why);
});
