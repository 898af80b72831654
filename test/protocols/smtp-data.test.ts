import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type DataStatus, SmtpDataDecoder } from '../../src/protocols/smtp-data.js';

interface Decoded {
  readonly status: DataStatus;
  readonly body: string;
  /** What was not read because the message had ended before it. */
  readonly rest: string;
}

/** Decodes in chunks of the given lengths; the last one is repeated. */
function decode(wire: string, lengths: readonly number[]): Decoded {
  const decoder = new SmtpDataDecoder();
  let body = '';
  for (let at = 0, n = 0; at < wire.length; n++) {
    const length = Math.max(1, lengths[Math.min(n, lengths.length - 1)] ?? wire.length);
    const chunk = Buffer.from(wire.slice(at, at + length), 'latin1');
    body += decoder.decode(chunk).toString('latin1');
    assert.equal(decoder.sizeBytes, body.length);
    if (decoder.status !== 'more') {
      return { status: decoder.status, body, rest: wire.slice(at + decoder.nextOffset) };
    }
    assert.equal(decoder.nextOffset, chunk.length);
    at += length;
  }
  return { status: decoder.status, body, rest: '' };
}

const rows: [reason: string, wire: string, status: DataStatus, body: string, rest?: string][] = [
  ['an empty message', '.\r\n', 'end', ''],
  ['one blank line', '\r\n.\r\n', 'end', '\n'],
  ['a line', 'a\r\n.\r\n', 'end', 'a\n'],
  ['what follows is not read', 'a\r\n.\r\nQUIT\r\n', 'end', 'a\n', 'QUIT\r\n'],
  ['a message of one dot', '..\r\n.\r\n', 'end', '.\n'],
  ['dots', '..\r\n...\r\n.single\r\na.b\r\n.\r\n', 'end', '.\n..\nsingle\na.b\n'],
  ['no end yet', 'a\r\nb', 'more', 'a\nb'],
  ['an end mark that is not at a line start', 'a.\r\n.\r\n', 'end', 'a.\n'],
  ['bare CR is data', 'a\rb\r\n.\r\n', 'end', 'a\rb\n'],
  ['CR CR LF', 'c\r\r\n.\r\n', 'end', 'c\r\n'],
  ['a dot, then CR, then no LF: both are kept', '.\rd\r\n.\r\n', 'end', '.\rd\n'],
  ['a dot, CR, CR', '.\r\rd\r\n.\r\n', 'end', '.\r\rd\n'],
  ['a dot, CR, CR, LF', '.\r\r\n.\r\n', 'end', '.\r\n'],
  ['CR before the dot of an end mark', '\r.\r\n.\r\n', 'end', '\r.\n'],
  ['NUL and 8 bit', 'a\0\xff\r\n\0\r\n.\r\n', 'end', 'a\0\xff\n\0\n'],
  ['stray LF first', '\nx', 'stray-lf', '', 'x'],
  ['stray LF in a line', 'a\nb', 'stray-lf', 'a', 'b'],
  ['stray LF after CRLF', 'a\r\n\nb', 'stray-lf', 'a\n', 'b'],
  ['stray LF after a dot', 'a\r\n.\nb', 'stray-lf', 'a\n', 'b'],
  ['stray LF after a text that looks like an end', 'a\n.\r\nb', 'stray-lf', 'a', '.\r\nb'],
  // The published smuggling variants: what one server takes for an end mark and the next one does not. None of them may end the message.
  ['smuggling: LF . LF', 'a\n.\nMAIL', 'stray-lf', 'a', '.\nMAIL'],
  ['smuggling: LF . CRLF', 'a\n.\r\nMAIL', 'stray-lf', 'a', '.\r\nMAIL'],
  ['smuggling: CRLF . LF', 'a\r\n.\nMAIL', 'stray-lf', 'a\n', 'MAIL'],
  ['smuggling: CR . CR', 'a\r.\rMAIL\r\n.\r\n', 'end', 'a\r.\rMAIL\n'],
  ['smuggling: CR . CRLF', 'a\r.\r\nMAIL\r\n.\r\n', 'end', 'a\r.\nMAIL\n'],
  ['smuggling: CR . LF', 'a\r.\nMAIL', 'stray-lf', 'a\r.', 'MAIL'],
  ['smuggling: CRLF . CR', 'a\r\n.\rMAIL\r\n.\r\n', 'end', 'a\n.\rMAIL\n'],
  ['smuggling: LF . CR', 'a\n.\rMAIL', 'stray-lf', 'a', '.\rMAIL'],
  ['smuggling: CRLF . CR CRLF', 'a\r\n.\r\r\nMAIL\r\n.\r\n', 'end', 'a\n.\r\nMAIL\n'],
  ['smuggling: CR CRLF . CRLF ends, the first CR is data', 'a\r\r\n.\r\nMAIL', 'end', 'a\r\n', 'MAIL'],
  ['smuggling: CRLF NUL . CRLF', 'a\r\n\0.\r\nMAIL\r\n.\r\n', 'end', 'a\n\0.\nMAIL\n'],
  ['smuggling: CRLF . NUL CRLF', 'a\r\n.\0\r\nMAIL\r\n.\r\n', 'end', 'a\n\0\nMAIL\n'],
  ['smuggling: CRLF .. CRLF is a dot', 'a\r\n..\r\nMAIL\r\n.\r\n', 'end', 'a\n.\nMAIL\n'],
];

for (const [reason, wire, status, body, rest = ''] of rows) {
  test(`data: ${reason}`, () => {
    const expected = { status, body, rest };
    assert.deepEqual(decode(wire, [wire.length]), expected, 'whole');
    assert.deepEqual(decode(wire, [1]), expected, 'byte by byte');
    for (let cut = 1; cut < wire.length; cut++)
      assert.deepEqual(decode(wire, [cut, wire.length]), expected, `cut at ${cut}`);
  });
}

/** The same, said in another way: the message is what stands before the first end mark or stray LF. */
function decodeByText(wire: string): Decoded {
  const mark = /(?<=^|(?<=\r)\n)\.\r\n|(?<!\r)\n/g.exec(wire);
  const text = mark === null ? wire : wire.slice(0, mark.index);
  const stray = mark !== null && mark[0] === '\n';
  const body = (stray && text.endsWith('\r\n.') ? text.slice(0, -1) : stray && text === '.' ? '' : text)
    .replace(/(?<=^|\r\n)\.(?!\r(?!\n))/g, '')
    .replaceAll('\r\n', '\n');
  if (mark === null) return { status: 'more', body, rest: '' };
  return { status: stray ? 'stray-lf' : 'end', body, rest: wire.slice(mark.index + mark[0].length) };
}

test('data: any bytes in any chunks come out as a second reading of the rules says', () => {
  const wires = fc.array(fc.constantFrom('\r', '\n', '.', 'a', '\r\n', '\r\n.', '\r\n.\r\n', 'bc'), { maxLength: 30 });
  const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(wires, cuts, (parts, lengths) => {
      const wire = `${parts.join('')}z`;
      assert.deepEqual(decode(wire, lengths), decodeByText(wire));
    }),
    { numRuns: 20_000 },
  );
});

test('data: a line of a megabyte and a chunk that starts in the middle of a buffer', () => {
  const line = 'x'.repeat(1 << 20);
  assert.equal(decode(`${line}\r\n.\r\n`, [65536]).body, `${line}\n`);
  const chunk = Buffer.from('DATA\r\nbody\r\n.\r\nQUIT\r\n');
  const decoder = new SmtpDataDecoder();
  assert.equal(decoder.decode(chunk, 6).toString(), 'body\n');
  assert.equal(chunk.subarray(decoder.nextOffset).toString(), 'QUIT\r\n');
  assert.equal(chunk.subarray(0, 6).toString(), 'DATA\r\n');
});
