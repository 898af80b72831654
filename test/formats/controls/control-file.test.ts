// formats/controls/control-file: qmail's three readers, and the document form.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  parseControlDocument,
  parseLine,
  parseList,
  parseMap,
  parseNumber,
  parseSet,
  serializeControlDocument,
} from '../../../src/formats/controls/control-file.js';
import { type ControlKind, controlFindings } from '../../../src/formats/controls/control-findings.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('line files', () => {
  const rows: [string, string, string][] = [
    ['the first line', 'mail.example.jp\n', 'mail.example.jp'],
    ['no line end', 'mail.example.jp', 'mail.example.jp'],
    ['further lines are not read', 'a\nb\n', 'a'],
    ['trailing blanks go', 'a \t \n', 'a'],
    ['leading blanks stay', ' a\n', ' a'],
    ['CR stays', 'a\r\n', 'a\r'],
    ['# is an ordinary character', '#a\n', '#a'],
    ['an empty file has the empty value', '', ''],
    ['an empty first line', '\na\n', ''],
    ['bytes above 127', '\xe9\n', '\xe9'],
  ];
  for (const [why, text, value] of rows) it(why, () => assert.equal(parseLine(bytes(text)), value));
});

describe('number files', () => {
  const rows: [string, string, number | undefined][] = [
    ['a number', '1200\n', 1200],
    ['zero is a number', '0\n', 0],
    ['a CR behind it does no harm', '5\r\n', 5],
    ['text behind it is ignored', '5 minutes\n', 5],
    ['a leading blank: no number', ' 5\n', undefined],
    ['a sign: no number', '-5\n', undefined],
    ['text: no number', 'many\n', undefined],
    ['an empty file: no number', '', undefined],
    ['NUL ends it', '12\x003\n', 12],
    ['leading zeros', '007\n', 7],
    ['too large for a C int: wraps', '4294967297\n', 1],
    ['and may become negative', '4294967295\n', -1],
    ['wraps at the machine word', '18446744073709551617\n', 1],
  ];
  for (const [why, text, value] of rows) it(why, () => assert.equal(parseNumber(bytes(text)), value));
});

describe('list files', () => {
  const rows: [string, string, string[]][] = [
    ['entries in order, case kept', 'b.JP\na.jp\n', ['b.JP', 'a.jp']],
    ['the last line counts without LF', 'a\nb', ['a', 'b']],
    ['comments and blank lines are skipped', '# c\n\n \t\na\n#b', ['a']],
    ['# further right is data', 'a#b\n #c\n', ['a#b', ' #c']],
    ['trailing blanks go, leading ones and CR stay', ' a\t\nb\r\n', [' a', 'b\r']],
    ['NUL splits a line', 'a\0b\n', ['a', 'b']],
    ['a line that begins with NUL is skipped', '\0a\nb\n', ['b']],
    ['a present but empty file', '', []],
  ];
  for (const [why, text, entries] of rows) it(why, () => assert.deepEqual(parseList(bytes(text)), entries));

  it('as a set: ASCII case is ignored, other bytes are not', () => {
    assert.deepEqual([...parseSet(bytes('A.JP\na.jp\n\xc9\n'))], ['a.jp', '\xc9']);
  });
});

describe('map files', () => {
  const rows: [string, string, [string, string][]][] = [
    ['key and value', 'Example.JP:Joe\n', [['example.jp', 'Joe']]],
    ['the first colon splits', 'a:b:c\n', [['a', 'b:c']]],
    ['the last line of a key wins', 'a:1\nA:2\n', [['a', '2']]],
    ['no colon: ignored', 'a\nb:1\n', [['b', '1']]],
    [
      'the empty key and the empty value',
      ':catch\nx:\n',
      [
        ['', 'catch'],
        ['x', ''],
      ],
    ],
    ['a CR becomes part of the value', 'a:1\r\n', [['a', '1\r']]],
  ];
  for (const [why, text, entries] of rows) it(why, () => assert.deepEqual([...parseMap(bytes(text))], entries));
});

describe('the document', () => {
  const text = '# made by hand\n\nexample.jp \t\n two\r\n\0x\nlast';
  it('gives back every byte', () => {
    for (const sample of [text, `${text}\n`, '', '\n', '\n\n', '#', '\xff\xfe']) {
      assert.deepEqual(serializeControlDocument(parseControlDocument(bytes(sample))), bytes(sample));
    }
  });
  it('names each line', () => {
    const kinds = parseControlDocument(bytes(text)).lines.map(({ kind, entry }) => [kind, entry]);
    const blank = ['blank', ''];
    assert.deepEqual(kinds, [
      ['comment', ''],
      blank,
      ['entry', 'example.jp'],
      ['entry', ' two\r'],
      blank,
      ['entry', 'last'],
    ]);
  });
});

describe('findings', () => {
  const rows: [string, ControlKind, string, string[]][] = [
    ['nothing odd', 'list', '# c\n\nexample.jp\n.example.jp\n', []],
    ['a DOS line end', 'list', 'a.jp\nb.jp\r\n', ['2 error DOS line end']],
    ['a leading blank', 'list', ' a.jp\n', ['1 error begins with a blank']],
    ['a comment that is not in the first column', 'list', '  # c\n', ['1 error first column']],
    ['a comment behind an entry', 'list', 'a.jp # mine\n', ['1 error comment behind']],
    ['a byte order mark', 'list', '\xef\xbb\xbfa.jp\n', ['1 error byte order mark']],
    ['a NUL', 'list', 'a\0b\n', ['1 error NUL']],
    ['twice the same', 'list', 'a.jp\nb.jp\nA.JP\n', ['3 warning line 1 already']],
    ['a map line without a colon', 'map', 'a.jp\n', ['1 error no colon']],
    ['a map key twice', 'map', 'a:1\na:2\n', ['2 warning takes the place of line 1']],
    ['a line file with more lines', 'line', 'a\n\nb\n', ['3 warning only the first line']],
    ['a comment in a line file', 'line', '# name\n', ['1 error no comments']],
    ['an empty line file', 'line', '', ['1 warning empty']],
    ['a DOS line end in a line file', 'line', 'mail.example.jp\r\n', ['1 error DOS line end']],
    ['a number that is none', 'number', 'ten\n', ['1 error does not begin with a digit']],
    ['a number with a DOS line end is read right', 'number', '10\r\n', []],
    ['text behind a number', 'number', '10 minutes\n', ['1 warning behind the digits']],
    ['a number that wraps', 'number', '4294967296\n', ['1 error larger than 2147483647']],
  ];
  for (const [why, kind, text, expected] of rows) {
    it(why, () => {
      const found = controlFindings(bytes(text), kind);
      assert.equal(found.length, expected.length, JSON.stringify(found));
      for (const [index, words] of expected.entries()) {
        const [line, severity] = words.split(' ', 2);
        const finding = found[index];
        assert.equal(`${finding?.line} ${finding?.severity}`, `${line} ${severity}`);
        assert.ok(finding?.text.includes(words.split(' ').slice(2).join(' ')), finding?.text);
      }
    });
  }
});
