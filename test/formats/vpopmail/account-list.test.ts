import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AccountListLine, parseAccountList } from '../../../src/formats/vpopmail/account-list.js';

const parse = (text: string): AccountListLine[] => [...parseAccountList(Buffer.from(text, 'latin1'))];
const joe = { name: 'joe', domain: 'example.jp', secret: { password: 'secret' } };

describe('a list of accounts', () => {
  const rows: readonly (readonly [string, string, AccountListLine[]])[] = [
    ['address and password', 'joe@example.jp,secret\n', [{ line: 1, entry: joe }]],
    ['all columns', 'joe@example.jp,secret,Joe,10M', [{ line: 1, entry: { ...joe, gecos: 'Joe', quota: '10M' } }]],
    ['empty columns are as if missing', 'joe@example.jp,secret,,\n', [{ line: 1, entry: joe }]],
    [
      'quotes',
      'joe@example.jp,"secret","Joe ""J"", first"\n',
      [{ line: 1, entry: { ...joe, gecos: 'Joe "J", first' } }],
    ],
    [
      'a comma in a quoted password',
      'joe@example.jp,"a,b"\n',
      [{ line: 1, entry: { ...joe, secret: { password: 'a,b' } } }],
    ],
    ['no domain', 'joe,secret\n', [{ line: 1, entry: { ...joe, domain: '' } }]],
    [
      'blank lines, comments, DOS line ends, a byte order mark',
      '\xef\xbb\xbf\r\n# all\r\njoe@example.jp,secret\r\n',
      [{ line: 3, entry: joe }],
    ],
    ['a line of names', 'Address,Password\njoe@example.jp,secret\n', [{ line: 2, entry: joe }]],
    [
      'other columns',
      'quota,hash,email\n10M,$1$a$b,joe@example.jp\n',
      [{ line: 2, entry: { name: 'joe', domain: 'example.jp', secret: { hash: '$1$a$b' }, quota: '10M' } }],
    ],
    [
      'a hash with its clear password',
      'address,hash,password\njoe@example.jp,$1$a$b,secret\n',
      [{ line: 2, entry: { ...joe, secret: { hash: '$1$a$b', clear: 'secret' } } }],
    ],
    [
      'the vpasswd form',
      'joe:$1$a$b:1:2:Joe:/x/joe:NOQUOTA:cl:ear\n',
      [
        {
          line: 1,
          entry: {
            name: 'joe',
            domain: '',
            secret: { hash: '$1$a$b', clear: 'cl:ear' },
            gid: 2,
            gecos: 'Joe',
            quota: 'NOQUOTA',
          },
        },
      ],
    ],
    ['no password', 'joe@example.jp\n', [{ line: 1, problem: 'there is no password' }]],
    ['no address', ',secret\n', [{ line: 1, problem: 'there is no address' }]],
    ['too many fields', 'a@b,c,d,e,f\n', [{ line: 1, problem: 'there are 5 fields, 4 are known' }]],
    [
      'a quote that is not closed, and the next line',
      'a@b,"c\njoe@example.jp,secret\n',
      [
        { line: 1, problem: 'a quote is not closed, or followed by something else than a comma' },
        { line: 2, entry: joe },
      ],
    ],
  ];
  for (const [why, text, lines] of rows) it(why, () => assert.deepEqual(parse(text), lines));

  it('gives each line an account or a problem, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        for (const line of parse(text)) assert.ok('entry' in line || line.problem !== '');
      }),
    );
  });
});
