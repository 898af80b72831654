// formats/ucspi-address: addresses as Debian's tcpserver put them into TCPREMOTEIP (each row was asked of it).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipv6Groups, ucspiAddress } from '../../src/formats/ucspi-address.js';

describe('the address of a client', () => {
  const rows: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:0:0:1:0:0:2', '2001:db8::1:0:0:2'],
    ['2001:0:0:1:0:0:0:2', '2001:0:0:1::2'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8::1:1:1:1:1'],
    ['2001:DB8::A', '2001:db8::a'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['0:2:3:4:5:6:7:8', '::2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7::'],
    ['1:0:3:0:5:0:7:0', '1::3:0:5:0:7:0'],
    ['::', '::'],
    ['::2', '::2'],
    ['::5:0', '::5:0'],
    ['fd00::', 'fd00::'],
    ['::102:304', '::102:304'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['0:0:1::', '0:0:1::'],
    ['2001:db8:00ff:0:0:f:0:0', '2001:db8:ff::f:0:0'],
    ['fe80::1%eth0', 'fe80::1'],
  ];
  for (const [ip, expected] of rows) it(ip, () => assert.equal(ucspiAddress(ip), expected));

  it('is its own short form', () => {
    for (const [, expected] of rows) assert.equal(ucspiAddress(expected), expected);
  });
});

describe('what is no IPv6 address', () => {
  const wrong = ['', ':', ':::', '1:::2', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8'];
  for (const text of [
    ...wrong,
    'g::',
    '12345::',
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.256',
    '1:2:3:4:5:6:7:1.2.3.4',
    'x:y',
  ]) {
    it(text === '' ? '(empty)' : text, () => {
      assert.equal(ipv6Groups(text), undefined);
      assert.equal(ucspiAddress(text), text);
    });
  }
});
