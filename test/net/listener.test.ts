import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { formatListenAddress, openListeners, parseListenAddress } from '../../src/net/listener.js';

const good: readonly [string, object, string][] = [
  ['smtp=0.0.0.0:25', { host: '0.0.0.0', port: 25 }, 'smtp=0.0.0.0:25'],
  ['smtp=*:25', { host: '0.0.0.0', port: 25 }, 'smtp=0.0.0.0:25'],
  ['pop3=[::1]:110', { host: '::1', port: 110 }, 'pop3=[::1]:110'],
  ['smtp=127.0.0.1:0', { host: '127.0.0.1', port: 0 }, 'smtp=127.0.0.1:0'],
  ['lmtp=unix:/run/a b', { path: '/run/a b' }, 'lmtp=unix:/run/a b'],
];
for (const [text, at, shown] of good)
  test(`${text} is understood`, () => {
    const address = parseListenAddress(text);
    assert.deepEqual(address.at, at);
    assert.equal(formatListenAddress(address), shown);
  });

const bad: readonly [string, RegExp][] = [
  ['', /PROTO=ADDRESS:PORT is needed/],
  ['smtp', /PROTO=ADDRESS:PORT is needed/],
  ['smtp=127.0.0.1', /ADDRESS:PORT is needed/],
  ['smtp=::1:25', /an IPv6 address in \[ \]/],
  ['smtp=localhost:25', /localhost is not an IP address/],
  ['smtp=[127.0.0.1]:25', /127\.0\.0\.1 is not an IP address/],
  ['smtp=127.0.0.1:65536', /a port is at most 65535/],
  ['lmtp=unix:', /a path is needed/],
];
for (const [text, why] of bad)
  test(`--listen '${text}' is refused`, () => assert.throws(() => parseListenAddress(text), why));

test('a free port is picked and told; sockets come unread; all are closed when one cannot be opened', async () => {
  const taken: net.Socket[] = [];
  const receiver = { take: (socket: net.Socket) => taken.push(socket), trouble() {} };
  const [listener] = await openListeners([parseListenAddress('smtp=127.0.0.1:0')], receiver);
  const at = listener?.address.at;
  const port = at !== undefined && 'port' in at ? at.port : 0;
  assert.notEqual(port, 0);
  const client = net.connect(port, '127.0.0.1');
  client.write('early');
  await once(client, 'connect');
  while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken[0]?.isPaused(), true);
  assert.equal(taken[0]?.bytesRead, 0);
  const both = ['smtp=127.0.0.1:0', `pop3=127.0.0.1:${port}`].map(parseListenAddress);
  await assert.rejects(openListeners(both, receiver), /another program listens there already/);
  client.destroy();
  taken[0]?.destroy();
  listener?.close();
});

test('IPv4 and IPv6 wildcards share a port', async () => {
  const receiver = { take: (socket: net.Socket) => socket.destroy(), trouble() {} };
  const [any] = await openListeners([parseListenAddress('smtp=0.0.0.0:0')], receiver);
  const port = any !== undefined && 'port' in any.address.at ? any.address.at.port : 0;
  any?.close();
  const both = [`smtp=0.0.0.0:${port}`, `smtp=[::]:${port}`].map(parseListenAddress);
  for (const listener of await openListeners(both, receiver)) listener.close();
});
