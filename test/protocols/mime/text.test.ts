// Charsets, encoded words and transfer encodings.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Charsets } from '../../../src/protocols/mime/charset.js';
import { decodeHeaderText } from '../../../src/protocols/mime/encoded-words.js';
import { transferDecoder } from '../../../src/protocols/mime/transfer-encoding.js';

const charsets = new Charsets();

const texts: readonly (readonly [string, string, string])[] = [
  ['UTF-8', '47723c3b6c3f', 'Gr<;l?'],
  ['utf-8', 'e697a5e69cac', '日本'],
  ['ISO-2022-JP', '1b2442467c4b5c1b2842', '日本'],
  ['Shift_JIS', '93fa967b', '日本'],
  ['EUC-JP', 'c6fccbdc', '日本'],
  ['cp932', '93fa967b', '日本'],
  ['ISO-8859-1', 'fc', 'ü'],
  ['us-ascii', '6869', 'hi'],
];

for (const [charset, hex, text] of texts)
  test(`${charset}: ${text}`, () => assert.equal(charsets.decode(Buffer.from(hex, 'hex'), charset), text));

test('a charset that is not known is not guessed', () => {
  assert.equal(charsets.decode(Buffer.from('x'), 'x-nosuch'), undefined);
  assert.equal(charsets.isKnown('x-nosuch'), false);
  assert.equal(charsets.decodeUnlabelled(Buffer.from([0xfc])), 'ü');
  assert.equal(charsets.decodeUnlabelled(Buffer.from('ü')), 'ü');
});

const headers: readonly (readonly [string, string, string])[] = [
  ['plain', 'plain', 'nothing to decode'],
  ['=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= and', 'Grüße and', 'a word and plain text'],
  ['=?utf-8?b?5pel?= =?UTF-8?B?5pys?=', '日本', 'blanks between two words do not count'],
  ['=?UTF-8?Q?=E6=97?=\r\n =?UTF-8?Q?=A5?=', '日', 'a character cut in two'],
  ['=?UTF-8*de?Q?a_b?=', 'a b', 'a language, and _ for a blank'],
  ['=?x-nosuch?Q?a?= b', '=?x-nosuch?Q?a?= b', 'a charset that is not known'],
  ['=?UTF-8?X?a?=', '=?UTF-8?X?a?=', 'an encoding that is none'],
  ['=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=', '日本', 'Japanese'],
  ['raw \xe9', 'raw é', 'raw Latin-1'],
  ['raw \xc3\xa9', 'raw é', 'raw UTF-8'],
];

for (const [text, decoded, why] of headers)
  test(`header text: ${why}`, () => assert.equal(decodeHeaderText(text, charsets), decoded));

test('transfer encodings give the same in pieces of any size', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['base64', 'SGVs\r\nbG8=\r\nignored', 'Hello'],
    ['BASE64', 'SGVsbG8', 'Hello'],
    ['base64', 'S*G V\ns', 'Hel'],
    ['quoted-printable', 'Gr=C3=BC=\r\n=C3=9Fe  \r\nend=', 'Grüße\r\nend='],
    ['quoted-printable', 'a=ZZ=4', 'a=ZZ=4'],
    ['8bit', 'as is', 'as is'],
  ];
  for (const [encoding, encoded, expected] of rows)
    for (const size of [1, 2, 3, 5, 100]) {
      const decoder = transferDecoder(encoding);
      const bytes = Buffer.from(encoded, 'latin1');
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size)
        pieces.push(decoder?.write(bytes.subarray(at, at + size)) ?? Buffer.alloc(0));
      pieces.push(decoder?.end() ?? Buffer.alloc(0));
      assert.equal(Buffer.concat(pieces).toString(), expected, `${encoding} in pieces of ${size}`);
    }
  assert.equal(transferDecoder('x-uuencode'), undefined);
});

test('base64 of any bytes, wrapped at any width, is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 76 }), (bytes, width) => {
      const encoded = Buffer.from(bytes)
        .toString('base64')
        .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n');
      const decoder = transferDecoder('base64');
      const decoded = Buffer.concat([
        decoder?.write(Buffer.from(encoded)) ?? Buffer.alloc(0),
        decoder?.end() ?? Buffer.alloc(0),
      ]);
      assert.deepEqual(decoded, Buffer.from(bytes));
    }),
  );
});
