import assert from 'node:assert/strict';
import test from 'node:test';
import { isHttpRequest, parseCommand } from '../../src/protocols/smtp-command.js';

const rows: [reason: string, line: string, verb: string, argument: string][] = [
  ['plain', 'NOOP', 'NOOP', ''],
  ['one CR is dropped', 'NOOP\r', 'NOOP', ''],
  ['only one CR is dropped', 'RCPT TO:<a@b>\r\r', 'RCPT', 'TO:<a@b>\r'],
  ['two CRs behind a verb make another verb', 'NOOP\r\r', 'NOOP\r', ''],
  ['lower case', 'mail from:<a@b>', 'MAIL', 'from:<a@b>'],
  ['spaces before the argument', 'MAIL   FROM:<a@b>  ', 'MAIL', 'FROM:<a@b>  '],
  ['a leading space makes the verb empty', ' NOOP', '', 'NOOP'],
  ['an empty line', '', '', ''],
  ['a line of one CR', '\r', '', ''],
  ['a tab is no separator', 'MAIL\tFROM:<a@b>', 'MAIL\tFROM:<A@B>', ''],
  ['a NUL ends the line', 'NOOP\0x', 'NOOP', ''],
  ['a NUL in the argument', 'RCPT TO:<test\0x@d>\r', 'RCPT', 'TO:<test'],
  ['a NUL before the CR', 'NOOP\0\r', 'NOOP', ''],
  ['8-bit letters in the argument stay', 'HELO \xe9', 'HELO', '\xe9'],
];

for (const [reason, line, verb, argument] of rows) {
  test(`command line: ${reason}`, () => assert.deepEqual(parseCommand(line), { verb, argument }));
}

test('the first line of an HTTP request is told from commands', () => {
  assert.ok(isHttpRequest('POST / HTTP/1.1\r'));
  assert.ok(isHttpRequest('get /x HTTP/1.0'));
  assert.ok(!isHttpRequest('GET out'));
  assert.ok(!isHttpRequest('NOOP GET / HTTP/1.1'));
});
