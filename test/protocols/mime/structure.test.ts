// Where the parts of a message begin and end, in stored bytes and as IMAP counts them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MimePart, parseStructure, StructureParser } from '../../../src/protocols/mime/structure.js';

const multipart = (boundary: string): string => `Content-Type: multipart/mixed; boundary="${boundary}"\n\n`;

/** Every part by its IMAP number with the text of its body. */
function bodies(message: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (part: MimePart, name: string): void => {
    const start = part.start + part.header.bytes;
    found[name] = message.slice(start, start + part.body.bytes);
    for (const [index, child] of part.children.entries()) visit(child, `${name}.${index + 1}`.replace(/^\./, ''));
  };
  visit(parseStructure(Buffer.from(message, 'latin1')), '');
  return found;
}

const rows: readonly { readonly why: string; readonly message: string; readonly parts: Record<string, string> }[] = [
  { why: 'no header at all', message: '\nbody\n', parts: { '': 'body\n' } },
  { why: 'nothing', message: '', parts: { '': '' } },
  {
    why: 'the line end before a boundary is not the part’s',
    message: `${multipart('b')}--b\n\none\n--b\n\ntwo\n\n--b--\n`,
    parts: { '1': 'one', '2': 'two\n', '': '--b\n\none\n--b\n\ntwo\n\n--b--\n' },
  },
  {
    why: 'preamble and epilogue belong to no part',
    message: `${multipart('b')}before\n--b\n\none\n--b--\nbehind\n--b\nmore\n`,
    parts: { '1': 'one', '': 'before\n--b\n\none\n--b--\nbehind\n--b\nmore\n' },
  },
  {
    why: 'a part without an end goes on to the end of the message',
    message: `${multipart('b')}--b\n\none\n`,
    parts: { '1': 'one\n', '': '--b\n\none\n' },
  },
  {
    why: 'the boundary of the outer part ends the inner one',
    message: `${multipart('o')}--o\n${multipart('i')}--i\n\none\n--o--\n`,
    parts: { '1.1': 'one', '1': '--i\n\none', '': `--o\n${multipart('i')}--i\n\none\n--o--\n` },
  },
  {
    why: 'the longer boundary wins, though the line begins with the shorter one too',
    message: `${multipart('b')}--b\n${multipart('bb')}--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n`,
    parts: {
      '1.1': 'one',
      '1': '--bb\n\none\n--bb--',
      '2': 'two',
      '': `--b\n${multipart('bb')}--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n`,
    },
  },
  {
    why: 'a boundary in the middle of a header',
    message: `${multipart('b')}--b\nSubject: x\n--b--\n`,
    parts: { '1': '', '': '--b\nSubject: x\n--b--\n' },
  },
  {
    why: 'the message in a message',
    message: 'Content-Type: message/rfc822\n\nSubject: in\n\nbody\n',
    parts: { '': 'Subject: in\n\nbody\n', '1': 'body\n' },
  },
  {
    why: 'CRLF in the file',
    message: `${multipart('b')}--b\n\none\n--b--\n`.replaceAll('\n', '\r\n'),
    parts: { '1': 'one', '': '--b\r\n\r\none\r\n--b--\r\n' },
  },
];

for (const { why, message, parts } of rows)
  test(why, () => {
    const found = bodies(message);
    // The line end that belongs to an inner final boundary stays with the part that it ends.
    for (const [name, text] of Object.entries(parts))
      assert.equal(found[name]?.replace(/\n$/, ''), text.replace(/\n$/, ''), name);
  });

test('sizes are those of CRLF lines, whatever is stored', () => {
  const stored = `${multipart('b')}--b\n\none\ntwo\n--b--\n`;
  const withLf = parseStructure(Buffer.from(stored));
  const withCrlf = parseStructure(Buffer.from(stored.replaceAll('\n', '\r\n')));
  assert.equal(withLf.body.crlfBytes, withCrlf.body.bytes);
  assert.equal(withLf.children[0]?.body.crlfBytes, 'one\r\ntwo'.length);
  assert.equal(withLf.children[0]?.body.lines, 1);
});

test('parts that are too deep are leaves', () => {
  const message = Buffer.from('Content-Type: message/rfc822\n\n'.repeat(500));
  let part: MimePart | undefined = parseStructure(message);
  let depth = 0;
  for (; part !== undefined; part = part.children[0]) depth++;
  assert.ok(depth <= 101, `${depth}`);
});

test('a message of boundaries alone has a bounded number of parts', () => {
  const message = Buffer.from(multipart('b') + '--b\n\n'.repeat(50_000));
  assert.ok(parseStructure(message).children.length <= 10_000);
});

const line = fc.constantFrom(
  '',
  '--b',
  '--b--',
  '--bb',
  '--',
  '-',
  'text',
  'Subject: x',
  ' folded',
  ...[
    'Content-Type: message/rfc822',
    'Content-Type: multipart/digest; boundary=bb',
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Type: text/plain',
  ],
);
const anyMessage = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '')), { maxLength: 40 })
  .map((lines) => Buffer.from(lines.flat().join(''), 'latin1'));

test('any message has the same structure in one piece and in many, and its parts lie inside each other', () => {
  fc.assert(
    fc.property(anyMessage, fc.integer({ min: 1, max: 9 }), (message, size) => {
      const whole = parseStructure(message);
      const parser = new StructureParser();
      for (let at = 0; at < message.length; at += size) parser.write(message.subarray(at, at + size));
      assert.deepEqual(parser.end(), whole);
      assert.equal(whole.header.bytes + whole.body.bytes, message.length);
      const inside = (part: MimePart): void => {
        const end = part.start + part.header.bytes + part.body.bytes;
        for (const child of part.children) {
          // One without a byte lies nowhere: where it would begin may be the line end that is the boundary's.
          if (child.header.bytes + child.body.bytes === 0) continue;
          assert.ok(child.start >= part.start + part.header.bytes);
          assert.ok(child.start + child.header.bytes + child.body.bytes <= end);
          inside(child);
        }
      };
      inside(whole);
    }),
    {
      numRuns: 500,
      examples: [[Buffer.from('Content-Type: multipart/digest; boundary=bb\n\n--bb\n\n--bb\n'), 1]],
    },
  );
});
