import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinLines, splitLines } from '../../src/formats/text-lines.js';

test('lines and their ends', () => {
  const rows: [text: string, lines: [string, string][], why: string][] = [
    ['', [], 'an empty file has no lines'],
    ['a\n', [['a', '\n']], 'the last LF starts no further line'],
    ['a', [['a', '']], 'a last line without LF'],
    [
      '\n\nb',
      [
        ['', '\n'],
        ['', '\n'],
        ['b', ''],
      ],
      'blank lines',
    ],
    [
      'a\r\n\xe9\0',
      [
        ['a\r', '\n'],
        ['\xe9\0', ''],
      ],
      'CR, NUL and bytes above 127 are text',
    ],
  ];
  for (const [text, lines, why] of rows) {
    const split = splitLines(Buffer.from(text, 'latin1'));
    assert.deepEqual(
      split.map((line) => [line.text, line.end]),
      lines,
      why,
    );
  }
});

test('property: joining gives the file back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ max: 12 }), (array) => {
      const bytes = Buffer.from(array);
      assert.deepEqual(joinLines(splitLines(bytes)), bytes);
    }),
  );
});
