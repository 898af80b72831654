import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  domainOfIp,
  ipAliasText,
  parseIpAliasMap,
  serializeIpAliasMap,
} from '../../../src/formats/vpopmail/ip-alias-map.js';

test('ip_alias_map: the first line of an address', () => {
  const map = parseIpAliasMap(
    Buffer.from('nonsense\n192.0.2.1 \t example.jp extra\n\n192.0.2.1 second.example\r\n 2001:db8::1\texample.org\r\n'),
  );
  assert.equal(domainOfIp(map, '192.0.2.1'), 'example.jp');
  assert.equal(domainOfIp(map, '2001:db8::1'), 'example.org', 'blanks in front, DOS line end');
  assert.equal(domainOfIp(map, '192.0.2.9'), undefined);
  assert.equal(domainOfIp(map, 'nonsense'), undefined, 'a line of one word is none');
  assert.equal(ipAliasText('192.0.2.1', 'example.jp'), '192.0.2.1 example.jp\n');
});

test('property: written back as read, whatever stands in the file', () => {
  const unit = fc.constantFrom('192.0.2.1', ':allow', ' ', '\t', '\n', '\r', '0', '#', 'a', '\xff', '\0');
  const file = fc.array(unit).map((parts) => Buffer.from(parts.join(''), 'latin1'));
  fc.assert(
    fc.property(file, (bytes) => {
      assert.deepEqual(serializeIpAliasMap(parseIpAliasMap(bytes)), bytes);
    }),
  );
});
