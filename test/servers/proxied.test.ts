// The PROXY header of a trusted proxy is taken off; what came behind it is left for the session.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Origin, originOf } from '../../src/servers/origin.js';
import { originBehindProxy } from '../../src/servers/proxied.js';

/** Both ends of a connection of loopback, the server's as a listener hands it on: paused. */
async function connection(t: TestContext): Promise<{ client: net.Socket; server: net.Socket; origin: Origin }> {
  const listener = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const client = net.connect(port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [net.Socket];
  listener.close();
  server.on('error', () => {});
  client.on('error', () => {});
  t.after(() => {
    client.destroy();
    server.destroy();
  });
  const origin = originOf(server);
  if (origin === undefined) throw new Error('no origin');
  return { client, server, origin };
}

/** Everything that can still be read, up to `length` bytes. */
async function rest(socket: net.Socket, length: number): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.resume();
  while (text.length < length) await sleep(2);
  return text;
}

test('the client is who the header says, and its first words are there', async (t) => {
  const { client, server, origin } = await connection(t);
  client.write('PROXY TCP4 192.0.2.9 198.51.100.1 56324 110\r\nUSER joe\r\nPASS x\r\n');
  const behind = await originBehindProxy(server, origin);
  assert.deepEqual(
    { ...behind, moveTo: undefined, belongTo: undefined },
    {
      ...{ remoteIp: '192.0.2.9', remotePort: 56324, localIp: '198.51.100.1', localPort: 110 },
      ...{ proxyIp: '127.0.0.1', isTlsAtProxy: false, moveTo: undefined, belongTo: undefined },
    },
  );
  assert.equal(await rest(server, 18), 'USER joe\r\nPASS x\r\n');
});

test('byte by byte', async (t) => {
  const { client, server, origin } = await connection(t);
  const waiting = originBehindProxy(server, origin);
  client.setNoDelay(true);
  for (const byte of 'PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\nQUIT\r\n') {
    client.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await waiting).remoteIp, '192.0.2.9', 'mapped addresses are IPv4');
  assert.equal(await rest(server, 6), 'QUIT\r\n');
});

test('a proxy that speaks for itself is the client', async (t) => {
  const { client, server, origin } = await connection(t);
  client.write('PROXY UNKNOWN\r\n');
  assert.deepEqual(await originBehindProxy(server, origin), { ...origin, isHealthCheck: true });
});

test('a client that has sent everything and closed its side is served', async (t) => {
  const { client, server, origin } = await connection(t);
  client.end('PROXY TCP4 192.0.2.9 198.51.100.1 1 110\r\nQUIT\r\n');
  assert.equal((await originBehindProxy(server, origin)).remoteIp, '192.0.2.9');
  assert.equal(await rest(server, 6), 'QUIT\r\n');
});

const refused: readonly [string, string, RegExp][] = [
  ['no header', 'EHLO x\r\n', /there is no PROXY header/],
  ['a broken one', 'PROXY TCP4 x\r\n', /malformed/],
];
for (const [reason, sent, why] of refused) {
  test(`refused: ${reason}`, async (t) => {
    const { client, server, origin } = await connection(t);
    client.write(sent);
    await assert.rejects(originBehindProxy(server, origin), why);
  });
}

test('a proxy that says nothing is not waited for long, nor one that goes away', async (t) => {
  const silent = await connection(t);
  await assert.rejects(originBehindProxy(silent.server, silent.origin, 50), /did not come in time/);
  for (const leave of [(socket: net.Socket) => socket.end(), (socket: net.Socket) => socket.resetAndDestroy()]) {
    const { client, server, origin } = await connection(t);
    client.write('PROXY TCP4 ');
    const waiting = originBehindProxy(server, origin);
    leave(client);
    await assert.rejects(waiting, /went away/);
  }
});
