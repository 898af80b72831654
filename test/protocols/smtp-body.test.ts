import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { endMark, SmtpBodyEncoder } from '../../src/protocols/smtp-body.js';
import { SmtpDataDecoder } from '../../src/protocols/smtp-data.js';

const rows: readonly [why: string, file: string, wire: string][] = [
  ['nothing', '', ''],
  ['a line', 'a\n', 'a\r\n'],
  ['a dot alone', '.\n', '..\r\n'],
  ['dots', '..a\n.b\nc.\n', '...a\r\n..b\r\nc.\r\n'],
  ['CR LF is one line end', 'a\r\n.\r\n', 'a\r\n..\r\n'],
  ['a CR elsewhere ends a line', 'a\rb\n', 'a\r\nb\r\n'],
  ['the end mark behind a CR does not end the message', 'a\r.\nb\n', 'a\r\n..\r\nb\r\n'],
  ['nor with both', 'a\n\r.\r\nb\n', 'a\r\n\r\n..\r\nb\r\n'],
  ['two CRs', 'a\r\r\n.\n', 'a\r\n\r\n..\r\n'],
  ['a CR at the very end', 'a\n\r', 'a\r\n\r\n'],
  ['a CR at the end of a line without LF', 'a\r', 'a\r\n'],
  ['blank lines', '\n\n', '\r\n\r\n'],
  ['8-bit and NUL', '\xe9\0\n', '\xe9\0\r\n'],
];

function encoded(pieces: readonly Buffer[]): { wire: Buffer; encoder: SmtpBodyEncoder; isComplete: boolean } {
  const encoder = new SmtpBodyEncoder();
  const out = pieces.map((piece) => encoder.encode(piece));
  const { isComplete } = encoder;
  return { wire: Buffer.concat([...out, encoder.end()]), encoder, isComplete };
}

for (const [why, file, wire] of rows) {
  test(`${why}: ${JSON.stringify(file)}`, () => {
    const bytes = Buffer.from(file, 'latin1');
    const whole = encoded([bytes]);
    assert.equal(whole.wire.toString('latin1'), wire);
    assert.equal(whole.encoder.wireBytes, wire.length);
    assert.ok(whole.isComplete);
    assert.equal(encoded([...bytes].map((byte) => Buffer.from([byte]))).wire.toString('latin1'), wire, 'byte by byte');
  });
}

test('a last line without its end is not complete', () => {
  assert.equal(encoded([Buffer.from('a\nb')]).isComplete, false);
  assert.equal(encoded([Buffer.from('.')]).isComplete, false);
  assert.equal(encoded([Buffer.from('a\n'), Buffer.from('')]).isComplete, true);
});

test('8-bit bytes are noticed', () => {
  assert.equal(encoded([Buffer.from('a\x7f\n', 'latin1')]).encoder.hasEightBit, false);
  assert.equal(encoded([Buffer.from('a\n'), Buffer.from('\x80\n', 'latin1')]).encoder.hasEightBit, true);
});

test('whatever a message holds, it ends where it ends, and has no bare CR or LF', () => {
  const bytes = fc.array(fc.constantFrom(...Buffer.from('\r\n.a\x80', 'latin1')), { maxLength: 40 });
  fc.assert(
    fc.property(bytes, fc.integer({ min: 0, max: 40 }), (given, cut) => {
      const file = Buffer.from(given);
      const { wire, isComplete } = encoded([file.subarray(0, cut), file.subarray(cut)]);
      fc.pre(isComplete);
      assert.doesNotMatch(wire.toString('latin1'), /\r(?!\n)|(?<!\r)\n|^\.\r|\n\.\r/);
      const decoder = new SmtpDataDecoder();
      const sent = Buffer.concat([wire, Buffer.from(endMark), Buffer.from('NEXT\r\n')]);
      const decoded = Buffer.from(decoder.decode(sent)).toString('latin1');
      assert.equal(decoder.status, 'end');
      assert.equal(decoder.nextOffset, wire.length + 3);
      assert.equal(decoded, file.toString('latin1').replace(/\r\n|\r/g, '\n'));
    }),
    { numRuns: 2000 },
  );
});
