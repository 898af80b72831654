// Sockets that this process binds and children accept from.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseListenAddress } from '../../src/net/listener.js';
import { bindListeners, type SharedListener } from '../../src/net/shared-listener.js';
import { newRoot, removeRoot } from '../support/recording.js';

async function bind(text: string): Promise<SharedListener> {
  const [bound] = await bindListeners([parseListenAddress(text)]);
  assert.ok(bound);
  return bound;
}

function portOf({ address: { at } }: SharedListener): number {
  return 'port' in at ? at.port : 0;
}

/** A process that accepts from a socket, and says its own number to each client. */
function startAccepting(t: TestContext, { descriptor, address }: SharedListener) {
  const program = `
    import { acceptFrom } from ${JSON.stringify(new URL('../../src/net/shared-listener.js', import.meta.url).href)};
    const receiver = { take: (socket) => socket.on('error', () => {}).end(String(process.pid)), trouble() {} };
    await acceptFrom(3, ${JSON.stringify(address)}, receiver);`;
  const args = ['--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', descriptor] });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.after(stop);
  return { pid: String(child.pid), stop };
}

async function answerTo(client: net.Socket): Promise<string> {
  const [answer] = await once(client, 'data');
  client.destroy();
  return String(answer);
}

test('a port is picked; clients wait while nobody accepts, and are served by whoever comes next', async (t) => {
  const bound = await bind('smtp=127.0.0.1:0');
  const port = portOf(bound);
  assert.notEqual(port, 0);
  const first = startAccepting(t, bound);
  // Until somebody has begun to listen, a client is refused.
  while (!(await isListening(port)));
  assert.equal(await answerTo(net.connect(port, '127.0.0.1')), first.pid);
  await first.stop();
  const waiting = net.connect(port, '127.0.0.1');
  await once(waiting, 'connect');
  const second = startAccepting(t, bound);
  assert.equal(await answerTo(waiting), second.pid);
  await assert.rejects(
    bindListeners(['pop3=127.0.0.1:0', `smtp=127.0.0.1:${port}`].map(parseListenAddress)),
    /smtp=127\.0\.0\.1:\d+: cannot listen: another program listens there already/,
  );
  bound.close();
});

test('IPv4 and IPv6 wildcards share a port', async () => {
  const any = await bind('smtp=0.0.0.0:0');
  const port = portOf(any);
  any.close();
  const both = [`smtp=0.0.0.0:${port}`, `smtp=[::]:${port}`].map(parseListenAddress);
  for (const listener of await bindListeners(both)) listener.close();
});

test('a unix socket has its mode from the first moment, and is removed with the one who bound it', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const file = path.join(root, 'auth');
  const bound = await bind(`auth=unix:${file},mode=0640`);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  const { pid } = startAccepting(t, bound);
  while (!(await isListening(file)));
  assert.equal(await answerTo(net.connect(file)), pid);
  bound.close();
  assert.equal(existsSync(file), false);
});

function isListening(place: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const at = typeof place === 'number' ? { port: place, host: '127.0.0.1' } : { path: place };
    const client = net.connect(at);
    client.once('connect', () => resolve(true)).once('error', () => setTimeout(resolve, 20, false));
    client.once('connect', () => client.destroy());
  });
}
