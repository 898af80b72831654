// The address that connections come from (control/outgoingip and outgoingip6), and one that this host does not have.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { remoteHost } from '../../support/remote-host.js';

const noConnection = "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n";

/** Who connects to a server at an address that greets nobody. */
async function cameFrom(
  ip: string,
  control: Readonly<Record<string, string>>,
): Promise<{ from: string[]; log: string; text: string }> {
  const from: string[] = [];
  const server = net.createServer((socket) => {
    from.push(socket.remoteAddress ?? '');
    socket.destroy();
  });
  await once(server.listen(0, ip), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const host = remoteHost({ smtproutes: `:[${ip}]:${port}\n`, ...control });
  const [report] = await host.send({ recipients: ['r@remote.example'] });
  const log = host.log();
  host.remove();
  server.close();
  return { from, log, text: report?.text ?? '' };
}

test('each family has an address of its own', async () => {
  const both = { outgoingip: '127.0.0.77\n', outgoingip6: '::1\n' };
  assert.deepEqual((await cameFrom('127.0.0.1', both)).from, ['127.0.0.77']);
  assert.deepEqual((await cameFrom('::1', both)).from, ['::1']);
  assert.deepEqual((await cameFrom('::1', { outgoingip: '127.0.0.77\n', outgoingip6: '::\n' })).from, ['::1']);
});

test('an address that this host does not have: the mail waits, and the log says why', async () => {
  for (const [ip, file, address] of [
    ['127.0.0.1', 'outgoingip', '192.0.2.213'],
    ['::1', 'outgoingip6', '2001:db8::213'],
  ] as const) {
    const { from, log, text } = await cameFrom(ip, { [file]: `${address}\n` });
    assert.deepEqual(from, []);
    assert.equal(text, noConnection);
    assert.match(log, new RegExp(`^warning: control/${file}: no connection can be made from ${address}: `));
  }
});
