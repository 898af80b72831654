import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { longestProxyHeader, type ProxyHeader, parseProxyHeader } from '../../src/protocols/proxy-header.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A header of version 2. */
function binary(command: number, family: number, tail: readonly number[] | Buffer): Buffer {
  const head = latin1('\r\n\r\n\0\r\nQUIT\n');
  return Buffer.concat([head, Buffer.from([command, family, tail.length >> 8, tail.length & 255]), Buffer.from(tail)]);
}

const v4 = [192, 0, 2, 9, 192, 0, 2, 1, 0xdc, 0x04, 0, 110];
const v6 = [
  0x20,
  0x01,
  0x0d,
  0xb8,
  ...Array(11).fill(0),
  9,
  0x20,
  0x01,
  0x0d,
  0xb8,
  ...Array(11).fill(0),
  1,
  0xdc,
  0x04,
  0,
  25,
];
const ssl = (client: number): number[] => [0x20, 0, 5, client, 0, 0, 0, 0];
const other = [0x02, 0, 3, 1, 2, 3];

const remote4 = {
  remoteAddress: '192.0.2.9',
  remotePort: 56324,
  localAddress: '192.0.2.1',
  localPort: 110,
  isTls: false,
};
const remote6 = {
  remoteAddress: '2001:db8:0:0:0:0:0:9',
  remotePort: 56324,
  localAddress: '2001:db8:0:0:0:0:0:1',
  localPort: 25,
  isTls: false,
};

const good: readonly [string, Buffer, object | undefined][] = [
  ['version 1, IPv4', latin1('PROXY TCP4 192.0.2.9 192.0.2.1 56324 110\r\n'), remote4],
  [
    'version 1, IPv6',
    latin1('PROXY TCP6 2001:db8::9 2001:db8::1 56324 25\r\n'),
    { ...remote6, remoteAddress: '2001:db8::9', localAddress: '2001:db8::1' },
  ],
  ['version 1, unknown', latin1('PROXY UNKNOWN\r\n'), undefined],
  ['version 1, unknown, and what is not looked at', latin1('PROXY UNKNOWN ff:: x 1 2\r\n'), undefined],
  [
    'version 1, the longest line of the specification',
    latin1(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    {
      remoteAddress: `${'ffff:'.repeat(7)}ffff`,
      localAddress: `${'ffff:'.repeat(7)}ffff`,
      remotePort: 65535,
      localPort: 65535,
      isTls: false,
    },
  ],
  ['version 2, IPv4', binary(0x21, 0x11, v4), remote4],
  ['version 2, IPv6', binary(0x21, 0x21, v6), remote6],
  ['version 2, LOCAL: the proxy looks whether we are alive', binary(0x20, 0x00, []), undefined],
  ['version 2, LOCAL with addresses that do not count', binary(0x20, 0x11, v4), undefined],
  ['version 2, a unix socket', binary(0x21, 0x31, Array(216).fill(0)), undefined],
  ['version 2, UDP', binary(0x21, 0x12, v4), undefined],
  ['version 2, other TLVs', binary(0x21, 0x11, [...v4, ...other]), remote4],
  ['version 2, the client used TLS', binary(0x21, 0x11, [...v4, ...other, ...ssl(1)]), { ...remote4, isTls: true }],
  ['version 2, the TLV says that it did not', binary(0x21, 0x11, [...v4, ...ssl(0)]), remote4],
  ['version 2, a TLV that is cut off', binary(0x21, 0x11, [...v4, 0x20, 0, 200, 1]), { ...remote4, isTls: true }],
];
for (const [reason, header, connection] of good) {
  test(`${reason}: with what follows, and byte by byte`, () => {
    const whole = { kind: 'header', length: header.length, connection };
    assert.deepEqual(parseProxyHeader(Buffer.concat([header, latin1('USER joe\r\n')])), whole);
    assert.deepEqual(parseProxyHeader(header), whole);
    for (let cut = 0; cut < header.length; cut++)
      assert.deepEqual(parseProxyHeader(header.subarray(0, cut)), { kind: 'more' }, `${cut} bytes`);
  });
}

const bad: readonly [string, Buffer | string][] = [
  ['no header', 'EHLO x\r\n'],
  ['a TLS hello', '\x16\x03\x01'],
  ['another case', 'proxy TCP4 192.0.2.9 192.0.2.1 56324 110\r\n'],
  ['an address of the other family', 'PROXY TCP4 2001:db8::9 192.0.2.1 1 2\r\n'],
  ['a name', 'PROXY TCP4 localhost 192.0.2.1 1 2\r\n'],
  ['an octet too large', 'PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n'],
  ['a leading zero', 'PROXY TCP4 192.0.2.09 192.0.2.1 1 2\r\n'],
  ['a port too large', 'PROXY TCP4 192.0.2.9 192.0.2.1 65536 2\r\n'],
  ['a port with a leading zero', 'PROXY TCP4 192.0.2.9 192.0.2.1 080 2\r\n'],
  ['no port', 'PROXY TCP4 192.0.2.9 192.0.2.1 1\r\n'],
  ['two spaces', 'PROXY  TCP4 192.0.2.9 192.0.2.1 1 2\r\n'],
  ['something behind', 'PROXY TCP4 192.0.2.9 192.0.2.1 1 2 3\r\n'],
  ['a zone', 'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n'],
  ['another protocol', 'PROXY UDP4 192.0.2.9 192.0.2.1 1 2\r\n'],
  ['LF alone, and then nothing', `PROXY TCP4 192.0.2.9 192.0.2.1 1 2\n${'x'.repeat(107)}`],
  ['a line that does not end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ['version 3', binary(0x31, 0x11, v4)],
  ['an unknown command', binary(0x22, 0x11, v4)],
  ['addresses that are cut off', binary(0x21, 0x11, v4.slice(0, 8))],
  ['a tail that is too long', binary(0x21, 0x11, v4).fill(0xff, 14, 16)],
];
for (const [reason, header] of bad) {
  test(`refused: ${reason}`, () => {
    const bytes = typeof header === 'string' ? latin1(header) : header;
    assert.equal(parseProxyHeader(bytes).kind, 'invalid');
  });
}

test('any bytes: an answer, and never more wanted than the longest header', () => {
  const start = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n\0\r\nQUIT\n!\x11');
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
      const bytes = Buffer.concat([latin1(head), Buffer.from(tail)]);
      const header: ProxyHeader = parseProxyHeader(bytes);
      if (header.kind === 'header') assert.ok(header.length <= bytes.length);
      const padded = Buffer.concat([bytes, Buffer.alloc(longestProxyHeader)]);
      assert.notEqual(parseProxyHeader(padded).kind, 'more');
    }),
    { numRuns: 2000 },
  );
});
