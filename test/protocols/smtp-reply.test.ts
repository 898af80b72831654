import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExtensions, type SmtpReply, SmtpReplyParser } from '../../src/protocols/smtp-reply.js';

function parsed(...lines: string[]): SmtpReply {
  const parser = new SmtpReplyParser();
  for (const line of lines.slice(0, -1)) assert.equal(parser.line(line), undefined);
  const reply = parser.line(lines.at(-1) ?? '');
  assert.ok(typeof reply === 'object');
  return reply;
}

test('codes are the first line, by the first three bytes', () => {
  const rows: readonly [code: number, ...lines: string[]][] = [
    [250, '250 ok'],
    [250, '250'],
    [250, '250-a', '550 b'],
    [354, '354 go'],
    [250, '', '250 ok'],
    [550, '5', '550 no'],
    [250, '250-a', '', 'x', '550 b'],
    [215, '25'],
    [599, '   '],
    [6190, 'hello there'],
  ];
  for (const [code, ...lines] of rows) assert.equal(parsed(...lines).code, code, lines.join('|'));
});

test('texts are kept as they are, without CR, 5000 bytes of them', () => {
  assert.equal(parsed('250-kept', '250 2.0.0 \x01\xe9\rdone').text, '250-kept\n250 2.0.0 \x01\xe9done\n');
  assert.equal(parsed(`250-${'x'.repeat(4000)}`, `250 ${'y'.repeat(4000)}`).text.length, 5000);
});

test('a reply without end is told', () => {
  const parser = new SmtpReplyParser();
  let last: unknown;
  for (let i = 0; i < 1000; i++) last = parser.line('250-more');
  assert.equal(last, 'endless');
});

test('one parser takes one reply after the other', () => {
  const parser = new SmtpReplyParser();
  parser.line('250-a');
  parser.line('250 b');
  assert.deepEqual(parser.line('550 c'), { code: 550, text: '550 c\n', lines: ['c'] });
});

test('extensions', () => {
  const reply = parsed(
    '250-mx.example Hello',
    '250-SIZE 1000',
    '250-8bitmime',
    '250-AUTH PLAIN',
    '250-AUTH=LOGIN CRAM-MD5',
    '250-',
    '250 PIPELINING ',
  );
  assert.deepEqual(
    [...parseExtensions(reply)],
    [
      ['SIZE', '1000'],
      ['8BITMIME', ''],
      ['AUTH', 'PLAIN LOGIN CRAM-MD5'],
      ['PIPELINING', ''],
    ],
  );
  assert.equal(parseExtensions(parsed('250 ok')).size, 0);
});
