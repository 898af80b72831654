import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countHops, deliveredToLines, HeaderScanner } from '../../src/mail/header.js';
import { bytesOf, loadRecording } from '../support/recording.js';

/** What a scanner found after being fed in chunks of these sizes, over and over. */
function scan(message: Buffer, sizes: readonly number[]): { hops: number; ended: boolean; lines: readonly string[] } {
  const scanner = new HeaderScanner();
  for (let at = 0, turn = 0; at < message.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    scanner.write(Buffer.from(message.subarray(at, at + size)));
    at += size;
  }
  const ended = scanner.ended;
  scanner.end();
  return { hops: scanner.hops, ended, lines: scanner.deliveredToLines };
}

test('hops', () => {
  const rows: [message: string, hops: number, why: string][] = [
    ['Received: a\nDelivered-To: b\n\n', 2, 'both kinds'],
    ['RECEIVED\ndelivered\nReCeIvEdXYZ: 1\n\n', 3, 'any case, nothing after the letters is checked'],
    [' Received: x\n\tReceived: y\nX-Received: z\n\n', 0, 'continuation lines and other fields'],
    ['Subject: s\n\nReceived: body\nReceived: body\n', 0, 'the body does not count'],
    ['\nReceived: x\n', 0, 'an empty first line: no header'],
    ['Received: a\n\r\nReceived: b\n\n', 2, 'a line of one CR is not empty'],
    ['Receive\nDeliver\nReceive d\n\n', 0, 'cut words'],
    ['Received: a\nReceived', 2, 'no empty line, no LF: the last line counts'],
    ['Received: a\nReceive', 1, 'a cut word at the very end'],
    ['', 0, 'nothing'],
  ];
  for (const [message, hops, why] of rows) {
    assert.equal(countHops(Buffer.from(message)), hops, why);
    for (const size of [1, 2, 3, 7])
      assert.equal(scan(Buffer.from(message), [size]).hops, hops, `${why}, by ${size} bytes`);
  }
});

test('Delivered-To lines are kept as they are', () => {
  const header =
    'Delivered-To: a@b\nReceived: x\nDELIVERED-TO:c \nDelivered-Too: no\nDelivered-To: d\r\n\nDelivered-To: body\n';
  const lines = ['Delivered-To: a@b', 'DELIVERED-TO:c ', 'Delivered-To: d\r'];
  assert.deepEqual(deliveredToLines(Buffer.from(header)), lines);
  for (const size of [1, 5, 13, 14])
    assert.deepEqual(scan(Buffer.from(header), [size]).lines, lines, `by ${size} bytes`);
});

test('memory is bounded: overlong lines and too many lines are counted but not kept', () => {
  const long = `Delivered-To: ${'x'.repeat(100_000)}\n`;
  assert.deepEqual(scan(Buffer.from(`${long}\n`), [4096]), { hops: 1, ended: true, lines: [] });
  assert.deepEqual(scan(Buffer.from(`${long}\n`), [1_000_000]), { hops: 1, ended: true, lines: [] });
  const many = scan(Buffer.from('Delivered-To: x\n'.repeat(5000)), [65536]);
  assert.equal(many.hops, 5000);
  assert.equal(many.lines.length, 1000);
});

test('property: where a message is cut makes no difference', () => {
  const piece = fc.constantFrom(
    'Received',
    'Delivered-To: ',
    'delivered',
    'Subject: x',
    '\n',
    '\n\n',
    '\r\n',
    ' ',
    'r',
    'd',
    'a@b',
  );
  const message = fc.array(piece).map((pieces) => Buffer.from(pieces.join('')));
  fc.assert(
    fc.property(message, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (bytes, sizes) => {
      assert.deepEqual(scan(bytes, sizes), scan(bytes, [bytes.length || 1]));
      const lines = bytes.toString('latin1').split('\n');
      const header = lines.slice(0, lines.indexOf('') < 0 ? lines.length : lines.indexOf(''));
      assert.equal(scan(bytes, sizes).hops, header.filter((line) => /^(received|delivered)/i.test(line)).length);
    }),
  );
});

test('the recorded messages of smtp/hops: 100 hops and more were refused', () => {
  let seen = 0;
  for (const step of loadRecording('smtp', 'hops').steps) {
    const events = step.events ?? [];
    for (const [index, event] of events.entries()) {
      const data = event.client === undefined ? '' : bytesOf(event.client).toString('latin1');
      if (!data.endsWith('\r\n.\r\n')) continue;
      const reply = bytesOf(events.slice(index + 1).find((later) => later.server !== undefined)?.server).toString();
      const hops = countHops(Buffer.from(data.replaceAll('\r\n', '\n'), 'latin1'));
      assert.equal(hops >= 100, reply.startsWith('554 too many hops'), `${hops} hops: ${reply}`);
      seen++;
    }
  }
  assert.equal(seen, 6);
});
