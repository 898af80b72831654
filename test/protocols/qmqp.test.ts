// QMQP: requests whole, byte by byte and cut, and what breaks the rules.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeNetstring } from '../../src/protocols/netstring.js';
import { encodeQmqpFrame, QmqpDecoder, QmqpError } from '../../src/protocols/qmqp.js';

interface Decoded {
  readonly message: string;
  readonly sender?: string;
  readonly recipients?: readonly string[];
  readonly isAddressBad?: boolean;
}

function decode(chunks: Iterable<Buffer>): Decoded {
  const decoder = new QmqpDecoder();
  let message = '';
  for (const chunk of chunks)
    for (const event of decoder.decode(chunk)) {
      if (event.kind === 'message') message += event.bytes.toString('latin1');
      else {
        const { sender, recipients, isAddressBad } = event;
        return { message, sender, recipients, isAddressBad };
      }
    }
  return { message };
}

const bytesOneByOne = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.of(byte));

function request(message: string, ...addresses: string[]): Buffer {
  return encodeNetstring(Buffer.concat([message, ...addresses].map((text) => encodeNetstring(text))));
}

const isAddressBad = false;
const rows: readonly { readonly why: string; readonly bytes: Buffer; readonly is: Decoded }[] = [
  {
    why: 'as qmail-qmqpc writes it',
    bytes: Buffer.from('40:16:Subject: x\n\nbody,7:a@b.net,7:c@d.net,,'),
    is: { message: 'Subject: x\n\nbody', sender: 'a@b.net', recipients: ['c@d.net'], isAddressBad },
  },
  {
    why: 'an empty message and sender',
    bytes: request('', '', 'c@d'),
    is: { message: '', sender: '', recipients: ['c@d'], isAddressBad },
  },
  {
    why: 'no recipients',
    bytes: request('x', 'a@b'),
    is: { message: 'x', sender: 'a@b', recipients: [], isAddressBad },
  },
  {
    why: 'any bytes',
    bytes: request('\0\xff,:\n', 'a b@\xe9', '"x"@y'),
    is: { message: '\0\xff,:\n', sender: 'a b@\xe9', recipients: ['"x"@y'], isAddressBad },
  },
  {
    why: 'the longest address that is taken',
    bytes: request('x', 'a', 'r'.repeat(999)),
    is: { message: 'x', sender: 'a', recipients: ['r'.repeat(999)], isAddressBad },
  },
  {
    why: 'an address that is too long is read and refused',
    bytes: request('x', 'a', 'r'.repeat(1000), 'c@d'),
    is: { message: 'x', sender: 'a', recipients: ['', 'c@d'], isAddressBad: true },
  },
  {
    why: 'an address with a NUL',
    bytes: request('x', 'a\0b', 'c@d'),
    is: { message: 'x', sender: '', recipients: ['c@d'], isAddressBad: true },
  },
];

for (const { why, bytes, is } of rows) {
  test(`decoded: ${why}`, () => {
    assert.deepEqual(decode([bytes]), is);
    assert.deepEqual(decode(bytesOneByOne(bytes)), is);
    for (const cut of [1, 5, bytes.length - 1])
      assert.equal(decode([bytes.subarray(0, cut)]).sender, undefined, `cut after ${cut} bytes`);
  });
}

for (const [why, text] of [
  ['no length', 'x'],
  ['a length with a sign', '-1:'],
  ['a message longer than the whole', '5:9:abcdefghi,'],
  ['no comma behind the message', '12:1:xx1:a,1:b,,'],
  ['no comma at the end', '12:1:x,1:a,1:b,x'],
  ['a length beyond all measure', '99999999999:'],
] as const) {
  test(`refused: ${why}`, () => {
    assert.throws(() => decode([Buffer.from(text)]), QmqpError);
    assert.throws(() => decode(bytesOneByOne(Buffer.from(text))), QmqpError);
  });
}

test('what is encoded is decoded again', () => {
  const message = 'Subject: y\n\nz\n';
  const { before, behind } = encodeQmqpFrame(message.length, 'a@b', ['c@d', '']);
  const bytes = Buffer.concat([before, Buffer.from(message), behind]);
  assert.deepEqual(bytes, request(message, 'a@b', 'c@d', ''));
});
