// The arithmetic of the mechanisms against the examples of their RFCs.

import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { cramMd5Digest } from '../../../src/protocols/sasl/cram-md5.js';
import { digestMd5Answers, parseDirectives } from '../../../src/protocols/sasl/digest-md5-response.js';
import {
  clientProof,
  preparedPassword,
  scramHashBytes,
  serverSignature,
} from '../../../src/protocols/sasl/scram-proof.js';

test('CRAM-MD5: RFC 2195 section 2', () => {
  const challenge = '<1896.697170952@postoffice.reston.mci.net>';
  assert.equal(cramMd5Digest(challenge, 'tanstaaftanstaaf'), 'b913a602c7eda7a495b4e6e7334d3890');
});

const digestVectors = [
  [
    'RFC 2831 section 4, IMAP',
    'imap',
    'OA6MHXh6VqTrRk',
    'OA6MG9tEQGm2hh',
    'd388dad90d4bbd760a152321f2143af7',
    'ea40f60335c427b5527b84dbabcdfffd',
  ],
  [
    'RFC 2831 section 4, ACAP',
    'acap',
    'OA9BSuZWMSpW8m',
    'OA9BSXrbuRhWay',
    '6084c6db3fede7352c551284490fd0fc',
    '2f0b3d7c3c2e486600ef710726aa2eae',
  ],
] as const;
for (const [name, service, cnonce, nonce, response, rspauth] of digestVectors) {
  test(`DIGEST-MD5: ${name}`, () => {
    const [username, realm, nc, qop] = ['chris', 'elwood.innosoft.com', '00000001', 'auth'];
    const digestUri = `${service}/elwood.innosoft.com`;
    const given = { username, realm, nonce, cnonce, nc, qop, digestUri, authzid: undefined, response: '' };
    assert.deepEqual(digestMd5Answers(given, 'secret')[0], { response, rspauth });
  });
}

test('DIGEST-MD5: a name with an umlaut is right in either of its spellings', () => {
  const given = { realm: '', nonce: 'n', cnonce: 'c', nc: '00000001', qop: 'auth', digestUri: 'smtp/x' };
  const rest = { ...given, authzid: undefined, response: '' };
  const ofUtf8 = digestMd5Answers({ ...rest, username: 'm\xc3\xbcller' }, 'p');
  const ofLatin1 = digestMd5Answers({ ...rest, username: 'm\xfcller' }, 'p');
  assert.equal(ofUtf8.length, 2);
  assert.equal(ofUtf8[1]?.response, ofLatin1[0]?.response);
});

const directives: readonly (readonly [string, string, Readonly<Record<string, string>> | undefined])[] = [
  ['plain and quoted', 'a=b,c="d e"', { a: 'b', c: 'd e' }],
  ['escapes in quotes', 'a="q\\"u\\\\o"', { a: 'q"u\\o' }],
  ['a comma in quotes', 'a="x,y",b=z', { a: 'x,y', b: 'z' }],
  ['space around', ' a = b , C="d" ', { a: 'b', c: 'd' }],
  ['empty elements', ',,a=b,,', { a: 'b' }],
  ['a name twice', 'a=b,A=c', undefined],
  ['no value', 'a', undefined],
  ['an open quote', 'a="b', undefined],
];
for (const [name, text, expected] of directives) {
  test(`directives: ${name}`, () => {
    const parsed = parseDirectives(text);
    assert.deepEqual(parsed && Object.fromEntries(parsed), expected);
  });
}

const scramVectors = [
  {
    name: 'SCRAM-SHA-1: RFC 5802 section 5',
    hash: 'sha1',
    salt: 'QSXCR+Q6sek8bf92',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j',
    clientNonce: 'fyko+d2lbbFgONRv9qkxdawL',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
  },
  {
    name: 'SCRAM-SHA-256: RFC 7677 section 3',
    hash: 'sha256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    nonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  },
] as const;
for (const { name, hash, salt, nonce, clientNonce, signature, proof } of scramVectors) {
  test(name, () => {
    const iterations = 4096;
    const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), iterations, scramHashBytes[hash], hash);
    const authMessage = `n=user,r=${clientNonce},r=${nonce},s=${salt},i=${iterations},c=biws,r=${nonce}`;
    assert.equal(clientProof(hash, salted, authMessage), proof);
    const given = { hash, salt, iterations, authMessage };
    assert.equal(serverSignature({ ...given, proof }, salted), signature);
    const wrong = Buffer.from(proof, 'base64').map((byte) => byte ^ 1);
    assert.equal(serverSignature({ ...given, proof: Buffer.from(wrong).toString('base64') }, salted), undefined);
    assert.equal(serverSignature({ ...given, proof: '' }, salted), undefined);
  });
}

test('SCRAM: a password is normalized when it is UTF-8, and taken as it is when it is not', () => {
  assert.deepEqual(preparedPassword('e\xcc\x81'), Buffer.from('\u00e9'));
  assert.deepEqual(preparedPassword('\xe9'), Buffer.from([0xe9]));
});
