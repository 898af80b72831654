import assert from 'node:assert/strict';
import test from 'node:test';
import { lookUpClientName, type NameResolver } from '../../src/net/client-name.js';
import { isOwnAddress } from '../../src/net/own-addresses.js';

interface Zone {
  readonly reverse?: readonly string[] | Error;
  readonly forward?: readonly string[] | Error;
}

function resolver({ reverse = [], forward = [] }: Zone): NameResolver {
  const answer = async (value: readonly string[] | Error): Promise<string[]> => {
    if (value instanceof Error) throw value;
    return [...value];
  };
  return {
    reverse: () => answer(reverse),
    resolve4: (() => answer(forward)) as unknown as NameResolver['resolve4'],
    resolve6: (() => answer(forward)) as unknown as NameResolver['resolve6'],
  };
}

const rows: [reason: string, address: string, zone: Zone, name: string | undefined][] = [
  [
    'name and address agree',
    '192.0.2.1',
    { reverse: ['mx.example'], forward: ['192.0.2.9', '192.0.2.1'] },
    'mx.example',
  ],
  [
    'in lower case, without the root dot',
    '192.0.2.1',
    { reverse: ['MX.Example.'], forward: ['192.0.2.1'] },
    'mx.example',
  ],
  [
    'IPv6 in another spelling',
    '2001:db8::1',
    { reverse: ['mx.example'], forward: ['2001:db8:0:0:0:0:0:1'] },
    'mx.example',
  ],
  ['the name leads elsewhere', '192.0.2.1', { reverse: ['mx.example'], forward: ['192.0.2.2'] }, undefined],
  ['the name leads nowhere', '192.0.2.1', { reverse: ['mx.example'], forward: new Error('ENOTFOUND') }, undefined],
  ['no name', '192.0.2.1', { reverse: [] }, undefined],
  ['the DNS does not answer', '192.0.2.1', { reverse: new Error('ETIMEOUT') }, undefined],
  ['a line feed in the name', '192.0.2.1', { reverse: ['a\nb.example'], forward: ['192.0.2.1'] }, undefined],
  ['an empty label', '192.0.2.1', { reverse: ['a..example'], forward: ['192.0.2.1'] }, undefined],
  ['too long', '192.0.2.1', { reverse: [`${'a.'.repeat(200)}example`], forward: ['192.0.2.1'] }, undefined],
];

for (const [reason, address, zone, name] of rows) {
  test(`client name: ${reason}`, async () => assert.equal(await lookUpClientName(address, resolver(zone)), name));
}

test('own addresses: loopback and 0.0.0.0 are, a documentation address is not', () => {
  assert.ok(isOwnAddress('127.0.0.1'));
  assert.ok(isOwnAddress('0.0.0.0'));
  assert.ok(!isOwnAddress('192.0.2.7'));
  assert.ok(!isOwnAddress('127.0.0.2'));
  for (const ip of ['::', '0:0::0', '::FFFF:127.0.0.1', '::ffff:7f00:1', '::ffff:0.0.0.0'])
    assert.ok(isOwnAddress(ip), ip);
  for (const ip of ['2001:db8::7', '::ffff:192.0.2.7', 'nonsense', '']) assert.ok(!isOwnAddress(ip), ip);
});
