// Parts in `binary` become base64, whatever pieces the message comes in, and nothing else changes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BinaryParts } from '../../../src/protocols/mime/binary-parts.js';
import { type MimePart, parseStructure } from '../../../src/protocols/mime/structure.js';

function converted(message: Buffer, cuts: readonly number[] = []): Buffer {
  const parts = new BinaryParts();
  const places = [0, ...[...cuts].sort((a, b) => a - b).map((cut) => cut % (message.length + 1)), message.length];
  const sorted = places.sort((a, b) => a - b);
  const pieces = sorted.slice(1).map((end, index) => parts.write(message.subarray(sorted[index], end)));
  return Buffer.concat([...pieces, parts.end()]);
}

function leaves(part: MimePart): MimePart[] {
  return part.kind === 'leaf' ? [part] : part.children.flatMap(leaves);
}

const binaryField = 'Content-Transfer-Encoding: binary\r\n';
const base64Field = 'Content-Transfer-Encoding: base64\r\n';

test('the whole message is one binary part', () => {
  const header = 'Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n';
  const body = Buffer.from('\0-\xe4\n\r\n\n\n', 'latin1');
  const message = Buffer.concat([Buffer.from(`${header}${binaryField}\r\n`), body]);
  const expected = `${header}${base64Field}\r\n${body.toString('base64')}`;
  for (const cuts of [[], [1, 2, 3], message.map((_, at) => at).map(Number)])
    assert.equal(converted(message, [...cuts]).toString('latin1'), expected);
});

test('parts of a multipart, and of a message inside: any bytes come back, boundaries stay, the others are as they were', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 3 }),
      fc.constantFrom('binary', '8bit'),
      fc.array(fc.nat()),
      (bodies, otherEncoding, cuts) => {
        // No boundary line by chance.
        const texts = bodies.map((body) => Buffer.from(body.map((byte) => (byte === 0x2d ? 0x2e : byte))));
        const inner = texts.flatMap((text, index) => {
          const encoding = index % 2 === 0 ? 'binary' : otherEncoding;
          const header = `--in\r\nContent-Type: image/x-any\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
          return [Buffer.from(header), text, Buffer.from('\r\n')];
        });
        const message = Buffer.concat([
          Buffer.from(
            'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="out"\r\n\r\npreamble\r\n--out\r\n',
          ),
          Buffer.from(
            'Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n',
          ),
          ...inner,
          Buffer.from('--in--\r\n\r\n--out--\r\nepilogue\r\n'),
        ]);
        const kept = converted(message, cuts);
        const found = leaves(parseStructure(kept));
        assert.equal(found.length, texts.length);
        for (const [index, part] of found.entries()) {
          const isBinary = index % 2 === 0 || otherEncoding === 'binary';
          const start = part.start + part.header.bytes;
          const body = kept.subarray(start, start + part.body.bytes);
          const text = isBinary ? Buffer.from(body.toString('latin1'), 'base64') : body;
          assert.deepEqual(text, texts[index]);
          assert.equal(part.fields.get('content-transfer-encoding')?.[0], isBinary ? 'base64' : '8bit');
        }
      },
    ),
  );
});

test('a message without binary parts, or broken in any way, is passed on as it is', () => {
  const words = [
    '\r\n',
    '\n',
    '\r',
    '--b',
    '--b--',
    'Content-Type: multipart/mixed; boundary=b',
    'x',
    ':',
    '\r\n\r\n',
    '-',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words)), fc.array(fc.nat()), (pieces, cuts) => {
      const message = Buffer.from(pieces.join(''));
      assert.deepEqual(converted(message, cuts), message);
    }),
  );
});
