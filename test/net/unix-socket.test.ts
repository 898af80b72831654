// Listeners at a path of the file system.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openListener, parseListenAddress } from '../../src/net/listener.js';
import { parseSocketPlace } from '../../src/net/unix-socket.js';
import { newRoot, removeRoot } from '../support/recording.js';

const receiver = { take: (socket: net.Socket) => void socket.destroy(), trouble() {} };

function folder(t: TestContext): string {
  const root = newRoot('vqmail-socket');
  t.after(() => removeRoot(root));
  return root;
}

const good: readonly [string, string, object][] = [
  ['/run/x', '/run/x', {}],
  ['/run/x,mode=0660', '/run/x', { mode: 0o660 }],
  ['/run/x,mode=660,group=postfix', '/run/x', { mode: 0o660, group: 'postfix' }],
  ['/run/x,user=vpopmail,group=vchkpw,mode=0600', '/run/x', { user: 'vpopmail', group: 'vchkpw', mode: 0o600 }],
  ['/run/a,b', '/run/a,b', {}],
  ['/run/a,mode', '/run/a,mode', {}],
];
for (const [text, place, access] of good)
  test(`unix:${text}`, () => assert.deepEqual(parseSocketPlace(text), { path: place, access }));

const bad: readonly [string, RegExp][] = [
  ['', /a path is needed/],
  [',mode=0660', /a path is needed/],
  ['/run/x,mode=', /mode= needs a value/],
  ['/run/x,mode=rw', /mode=rw is no mode such as 0660/],
  ['/run/x,mode=888', /is no mode/],
  [`/${'x'.repeat(107)}`, /at most 107 bytes/],
  ['/run/\xe9', /in ASCII/],
];
for (const [text, why] of bad) test(`unix:${text} is refused`, () => assert.throws(() => parseSocketPlace(text), why));

test('the socket has its mode, whatever the umask, and its directory is made', async (t) => {
  const file = path.join(folder(t), 'new/socket');
  const umask = process.umask();
  for (const [text, mode] of [
    ['', 0o600],
    [',mode=0666', 0o666],
    [',mode=0640', 0o640],
  ] as const) {
    const listener = await openListener(parseListenAddress(`postmap=unix:${file}${text}`), receiver);
    assert.equal(fs.statSync(file).mode & 0o777, mode);
    assert.equal(process.umask(), umask);
    const client = net.connect(file);
    await once(client, 'connect');
    client.destroy();
    listener.close();
    assert.equal(fs.existsSync(file), false, 'a closed listener leaves nothing behind');
  }
});

test('the socket of a dead program is replaced, that of a living one is not, and neither is a file', async (t) => {
  const root = folder(t);
  const file = path.join(root, 'socket');
  const address = parseListenAddress(`postmap=unix:${file}`);
  const first = await openListener(address, receiver);
  await assert.rejects(openListener(address, receiver), /another program listens there already/);
  const client = net.connect(file);
  await once(client, 'connect');
  client.destroy();
  // What a killed program leaves: a socket that nobody listens at.
  fs.linkSync(file, path.join(root, 'kept'));
  first.close();
  fs.renameSync(path.join(root, 'kept'), file);
  (await openListener(address, receiver)).close();
  fs.writeFileSync(file, 'a file');
  await assert.rejects(openListener(address, receiver), /another program listens there already/);
  assert.equal(fs.readFileSync(file, 'latin1'), 'a file');
  await assert.rejects(
    openListener(parseListenAddress(`postmap=unix:${root}/a/b/c`), receiver),
    /its directory is missing, and the one above too/,
  );
});
