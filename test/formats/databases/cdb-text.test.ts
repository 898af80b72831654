// formats/databases/cdb-text: the text form of cdbdump and cdbmake.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CorruptFileError } from '../../../src/errors.js';
import { parseCdbText, serializeCdbText } from '../../../src/formats/databases/cdb-text.js';

const parse = (text: string): string[][] =>
  [...parseCdbText(Buffer.from(text, 'latin1'), 'input')].map(({ key, data }) => [
    key.toString('latin1'),
    data.toString('latin1'),
  ]);

describe('the text form', () => {
  const good: [string, string, string[][]][] = [
    ['no record', '\n', []],
    [
      'two records',
      '+3,5:one->Hello\n+0,3:->-+x\n\n',
      [
        ['one', 'Hello'],
        ['', '-+x'],
      ],
    ],
    ['line feeds, arrows and NUL within', '+3,4:a\n>->\0->\n\n\n', [['a\n>', '\0->\n']]],
    ['bytes above 127', '+1,1:\xe9->\xff\n\n', [['\xe9', '\xff']]],
  ];
  for (const [why, text, records] of good) {
    it(`${why}: read and written back`, () => {
      assert.deepEqual(parse(text), records);
      const bytes = Buffer.from(text, 'latin1');
      assert.deepEqual(serializeCdbText(parseCdbText(bytes, 'input')), bytes);
    });
  }

  it('as cdbmake: what follows the empty line is not looked at; a missing number is 0', () => {
    assert.deepEqual(parse('+1,1:a->b\n\nrubbish'), [['a', 'b']]);
    assert.deepEqual(parse('+,1:->b\n+01,:a->\n\n'), [
      ['', 'b'],
      ['a', ''],
    ]);
  });

  const bad: [string, string, RegExp][] = [
    ['nothing at all', '', /entry 1: the text ends without an empty line/],
    ['the empty line is missing', '+1,1:a->b\n', /entry 2: the text ends without an empty line/],
    ['no plus', 'one\n\n', /entry 1: does not begin/],
    ['a CR', '+1,1:a->b\r\n\n', /entry 1: no line end/],
    ['a length that leaves the text', '+1,100:a->b\n\n', /entry 1: the text ends within it/],
    ['a length too large', '+1,4294967295:a->b\n\n', /entry 1: the text ends within it/],
    ['a number that is none', '+1,x:a->b\n\n', /entry 1: does not begin/],
    ['another arrow', '+1,1:a=>b\n\n', /entry 1: no ->/],
    ['cut within the second record', '+1,1:a->b\n+3,5:on', /entry 2: the text ends within it/],
  ];
  for (const [why, text, message] of bad) {
    it(`refused: ${why}`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof CorruptFileError && message.test(error.message),
      );
    });
  }
});
