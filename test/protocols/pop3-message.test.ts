import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MessageEncoder, TransferSize } from '../../src/protocols/pop3-message.js';

/** Sends a message in pieces of the given length. */
function sent(message: Buffer, pieceLength: number, lines?: number): string {
  const encoder = new MessageEncoder(lines);
  let text = '';
  for (let start = 0; start < message.length && !encoder.isComplete; start += pieceLength)
    text += encoder.encode(message.subarray(start, start + pieceLength)).toString('latin1');
  return text + encoder.finish(Buffer.alloc(0)).toString('latin1');
}

const messages: readonly [stored: string, sent: string, why: string][] = [
  ['Subject: x\n\na\n', 'Subject: x\r\n\r\na\r\n\r\n.\r\n', 'LF becomes CR LF, and an empty line ends every message'],
  ['a', 'a\r\n\r\n.\r\n', 'a last line without LF is completed'],
  ['', '\r\n.\r\n', 'an empty file'],
  ['a\r\nb\r\n', 'a\r\nb\r\n\r\n.\r\n', 'CR LF stays'],
  ['a\r\r\n', 'a\r\r\n\r\n.\r\n', 'one CR belongs to the line end, the other to the line'],
  ['a\rb\n', 'a\rb\r\n\r\n.\r\n', 'a bare CR ends no line'],
  ['.\n', '..\r\n\r\n.\r\n', 'a dot alone'],
  ['.a\n..b\nc.\n', '..a\r\n...b\r\nc.\r\n\r\n.\r\n', 'dots at the start of a line are doubled, others not'],
  ['.', '..\r\n\r\n.\r\n', 'a dot that is cut off'],
  ['a\r.b\n', 'a\r.b\r\n\r\n.\r\n', 'a dot behind a bare CR starts no line'],
  ['\n\n', '\r\n\r\n\r\n.\r\n', 'empty lines'],
  ['a\0b\xff\n', 'a\0b\xff\r\n\r\n.\r\n', 'bytes of all kinds'],
];

for (const [stored, expected, why] of messages) {
  test(`${JSON.stringify(stored)}: ${why}`, () => {
    const bytes = Buffer.from(stored, 'latin1');
    for (const length of [1, 2, 3, 1000]) assert.equal(sent(bytes, length), expected, `in pieces of ${length}`);
  });
}

const withBody = 'A: 1\nB: 2\n\none\n.two\nthree';

const tops: readonly [stored: string, lines: number, sent: string, why: string][] = [
  [withBody, 0, 'A: 1\r\nB: 2\r\n\r\n\r\n.\r\n', 'the header and the line behind it'],
  [withBody, 1, 'A: 1\r\nB: 2\r\n\r\none\r\n\r\n.\r\n', 'one line'],
  [withBody, 2, 'A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\n.\r\n', 'dots are doubled here too'],
  [withBody, 3, 'A: 1\r\nB: 2\r\n\r\none\r\n..two\r\nthree\r\n\r\n.\r\n', 'a last line without LF counts'],
  [withBody, 99, 'A: 1\r\nB: 2\r\n\r\none\r\n..two\r\nthree\r\n\r\n.\r\n', 'more than there are'],
  ['A: 1\r\n\r\none\r\n', 0, 'A: 1\r\n\r\n\r\n.\r\n', 'a header that ends with CR LF'],
  ['A: 1\n\r\r\nB\n\nx\n', 0, 'A: 1\r\n\r\r\nB\r\n\r\n\r\n.\r\n', 'a line of one CR is not empty'],
  ['A: 1\n', 0, 'A: 1\r\n\r\n.\r\n', 'no body: the closing line stands for the end of the header'],
  ['\nx\ny\n', 1, '\r\nx\r\n\r\n.\r\n', 'no header'],
];

for (const [stored, lines, expected, why] of tops) {
  test(`${lines} lines of ${JSON.stringify(stored)}: ${why}`, () => {
    for (const length of [1, 2, 5, 1000]) assert.equal(sent(Buffer.from(stored, 'latin1'), length, lines), expected);
  });
}

const messageBytes = fc
  .array(fc.constantFrom('\n', '\r\n', '\r', '.', 'a', 'bc', '\0', '\xff'), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('what is sent is what the rules say, however it is cut', () => {
  const byTheRules = (stored: string): string => {
    const lines = stored.split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    return `${lines.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`).join('')}\r\n.\r\n`;
  };
  fc.assert(
    fc.property(messageBytes, fc.integer({ min: 1, max: 30 }), (message, length) => {
      assert.equal(sent(message, length), byTheRules(message.toString('latin1')));
    }),
    { numRuns: 1000 },
  );
});

test('what is announced is what is sent, without doubled dots and the last line, however it is cut', () => {
  fc.assert(
    fc.property(messageBytes, fc.integer({ min: 1, max: 9 }), (message, length) => {
      const size = new TransferSize();
      for (let start = 0; start < message.length; start += length) size.add(message.subarray(start, start + length));
      const whole = sent(message, length);
      assert.equal(whole, sent(message, 1000));
      assert.ok(whole.endsWith('\r\n.\r\n'));
      const octets = whole.slice(0, -3).replace(/(^|\n)\.\./g, '$1.');
      assert.equal(octets.length, size.total);
    }),
    { numRuns: 500 },
  );
});

test('nothing that is sent looks like the end before the end', () => {
  fc.assert(
    fc.property(messageBytes, (message) => {
      const whole = `\r\n${sent(message, 7)}`;
      assert.equal(whole.indexOf('\r\n.\r\n'), whole.length - 5);
    }),
    { numRuns: 500 },
  );
});
