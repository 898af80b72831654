import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLimits, countedAddress, parseNetworks, plainAddress } from '../../src/net/connection-limits.js';

const addresses: readonly [string, string, string][] = [
  ['192.0.2.7', '192.0.2.7', 'IPv4 by itself'],
  ['::ffff:192.0.2.7', '192.0.2.7', 'IPv4 that came mapped'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', 'IPv6 by its /64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64', 'short and in capitals: the same /64'],
  ['2001:db8::1', '2001:db8:0:0::/64', 'the gap lies in the network part'],
  ['::1', '0:0:0:0::/64', 'the gap comes first'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', 'dotted tail'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'with a zone'],
];
for (const [address, counted, reason] of addresses)
  test(`${address} counts as ${counted}: ${reason}`, () =>
    assert.equal(countedAddress(plainAddress(address)), counted));

test('places in all and for each address', () => {
  const limits = new ConnectionLimits({
    maxConnections: 5,
    maxConnectionsPerAddress: 2,
    unlimited: ['127.0.0.0/8', '::1'],
  });
  const first = limits.enter('smtp', '192.0.2.7');
  assert.equal(typeof first, 'object');
  assert.equal(typeof limits.enter('smtp', '::ffff:192.0.2.7'), 'object');
  assert.equal(limits.enter('smtp', '192.0.2.7'), 'address-full');
  assert.equal(typeof limits.enter('pop3', '192.0.2.7'), 'object', 'another protocol has its own share');
  assert.equal(typeof limits.enter('smtp', '192.0.2.7', () => true), 'object', 'exempt when asked');
  if (typeof first === 'object') limits.leave(first);
  assert.equal(limits.enter('smtp', '192.0.2.7'), 'address-full', 'the exempt one counts too');
  for (let n = 0; n < 2; n++) assert.equal(typeof limits.enter('smtp', '127.0.0.1'), 'object');
  assert.equal(limits.total, 5);
  assert.equal(limits.enter('smtp', '127.0.0.1'), 'full', 'the limit in all is for everybody');
});

test('what is no network is named', () => {
  for (const text of ['localhost', '192.0.2.0/33', '192.0.2.0/x', '2001:db8::/129', ''])
    assert.throws(() => parseNetworks([text]), new RegExp(`^Error: ${text.replaceAll('/', '\\/')} is neither`));
});

test('clients of a unix socket count in all alone', () => {
  const limits = new ConnectionLimits({ maxConnections: 3, maxConnectionsPerAddress: 1, unlimited: [] });
  for (let n = 0; n < 3; n++) assert.equal(typeof limits.enter('postmap', 'unix'), 'object');
  assert.equal(limits.enter('postmap', 'unix'), 'full');
});
