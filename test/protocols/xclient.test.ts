import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AttributeError,
  decodeXtext,
  dovecotNames,
  parseAttributes,
  xclientNames,
  xforwardNames,
} from '../../src/protocols/xclient.js';

const good: readonly [string, string, Record<string, string | undefined>][] = [
  [
    'the example of XCLIENT_README',
    'NAME=spike.porcupine.org ADDR=168.100.189.2',
    { NAME: 'spike.porcupine.org', ADDR: '168.100.189.2' },
  ],
  ['names in any case, several spaces', ' name=spike  addr=192.0.2.9 ', { NAME: 'spike', ADDR: '192.0.2.9' }],
  ['IPv6 with its prefix', 'ADDR=IPV6:2001:db8::9', { ADDR: '2001:db8::9' }],
  ['IPv6 without', 'ADDR=2001:db8::9 DESTADDR=ipv6:::1', { ADDR: '2001:db8::9', DESTADDR: '::1' }],
  ['not known', 'NAME=[UNAVAILABLE] ADDR=[tempunavail]', { NAME: undefined, ADDR: undefined }],
  ['xtext', 'HELO=a+2Bb+3Dc LOGIN=joe+40example.jp', { HELO: 'a+b=c', LOGIN: 'joe@example.jp' }],
  ['a stray = in a value', 'LOGIN=a=b', { LOGIN: 'a=b' }],
  ['control characters do not get into the log', 'HELO=a+0D+0Ab', { HELO: 'a??b' }],
  ['ports', 'PORT=0 DESTPORT=65535', { PORT: '0', DESTPORT: '65535' }],
  ['the last of two counts', 'HELO=a HELO=b', { HELO: 'b' }],
  ['an empty value', 'HELO=', { HELO: '' }],
  ['the protocol in any case', 'PROTO=esmtp', { PROTO: 'ESMTP' }],
];
for (const [reason, argument, attributes] of good)
  test(reason, () => assert.deepEqual(Object.fromEntries(parseAttributes(argument, xclientNames)), attributes));

const bad: readonly [string, string, RegExp][] = [
  ['nothing', '', /attributes are missing/],
  ['no =', 'NAME', /NAME=value/],
  ['no name', '=x', /NAME=value/],
  ['an unknown name', 'COLOUR=red', /unknown attribute COLOUR/],
  ['an attribute of XFORWARD', 'IDENT=x', /unknown attribute IDENT/],
  ['one of Dovecot outside LMTP', 'SESSION=x', /unknown attribute SESSION/],
  ['no address', 'ADDR=spike', /bad value of ADDR/],
  ['an address with a zone', 'ADDR=fe80::1%25', /bad value of ADDR/],
  ['an empty address', 'ADDR=', /bad value of ADDR/],
  ['a host name with a blank', 'NAME=a+20b', /bad value of NAME/],
  ['a host name that would be another rule', 'NAME=a;b', /bad value of NAME/],
  ['a port too large', 'PORT=65536', /bad value of PORT/],
  ['a sign', 'PORT=-1', /bad value of PORT/],
  ['broken xtext', 'HELO=a+2', /bad value of HELO/],
  ['broken xtext', 'HELO=a+XY', /bad value of HELO/],
  ['a value too long', `HELO=${'x'.repeat(256)}`, /bad value of HELO/],
  ['a protocol that is none', 'PROTO=E-SMTP', /bad value of PROTO/],
];
for (const [reason, argument, message] of bad) {
  test(`refused: ${reason}`, () =>
    assert.throws(
      () => parseAttributes(argument, xclientNames),
      (error) => error instanceof AttributeError && message.test(error.message),
    ));
}

test('XFORWARD and Dovecot have their own names', () => {
  const forwarded = parseAttributes('NAME=x ADDR=192.0.2.9 PROTO=SMTP HELO=x IDENT=4Xyz SOURCE=REMOTE', xforwardNames);
  assert.equal(forwarded.get('IDENT'), '4Xyz');
  const proxied = parseAttributes('ADDR=192.0.2.9 SESSION=abc TTL=4 TIMEOUT=30', [...xclientNames, ...dovecotNames]);
  assert.equal(proxied.get('SESSION'), 'abc');
});

test('any argument: attributes or an AttributeError; values have no control characters', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('NAME=', 'ADDR=', 'HELO=', 'LOGIN=', '+0A', '+', '=', 'IPV6:', '[UNAVAILABLE]'),
  );
  fc.assert(
    fc.property(
      fc.array(word).map((words) => words.join('')),
      (argument) => {
        try {
          for (const value of parseAttributes(argument, xclientNames).values())
            assert.doesNotMatch(value ?? '', /[\x00-\x1f\x7f]/);
        } catch (error) {
          assert.ok(error instanceof AttributeError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('xtext: what was encoded comes back', () => {
  const encode = (text: string): string =>
    text.replace(/[^!-*,-<>-~]/g, (byte) => `+${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  fc.assert(
    fc.property(fc.uint8Array(), (array) => {
      const text = Buffer.from(array).toString('latin1');
      assert.equal(decodeXtext(encode(text)), text);
    }),
  );
});
