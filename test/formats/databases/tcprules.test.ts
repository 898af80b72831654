// formats/databases/tcprules: the worked examples (compiled bytes by their sha256, and what clients meet), every recording, and lines that are refused.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { bufferSource, cdbFind, makeCdb } from '../../../src/formats/databases/cdb.js';
import { serializeCdbText } from '../../../src/formats/databases/cdb-text.js';
import {
  compileRules,
  expandRange,
  lookUpRule,
  parseRule,
  type RuleClient,
  RuleSyntaxError,
  ruleKeys,
} from '../../../src/formats/databases/tcprules.js';
import { rulesRecordings } from '../../support/tcprules-recordings.js';

const compile = (text: string | Buffer): Buffer =>
  makeCdb(compileRules(typeof text === 'string' ? Buffer.from(text, 'latin1') : text, 'rules'));

/** What a client meets, in short: the key, `deny` or the variables. */
function meets(cdb: Buffer, client: RuleClient): string {
  const found = lookUpRule((key) => cdbFind(bufferSource(cdb), key, 'rules.cdb'), client);
  if (found === undefined) return 'default';
  return `${found.key}: ${found.rule.deny ? 'deny' : ['allow', ...found.rule.settings].join(' ')}`;
}

interface Example {
  readonly why: string;
  readonly rules: string;
  readonly size: number;
  readonly sha256: string;
  readonly clients: readonly (readonly [string | RuleClient, string])[];
}

const examples: Example[] = [
  {
    why: 'default and loopback',
    rules: '127.:allow,RELAYCLIENT=""\n:allow\n',
    size: 2114,
    sha256: 'eb77cc85484d9cdfabc42f0e48b486bd84c13e1f1595bf65fc59a2ab8497be06',
    clients: [
      ['127.0.0.1', '127.: allow RELAYCLIENT='],
      ['192.0.2.1', ': allow'],
    ],
  },
  {
    why: 'one address denied',
    rules: '192.0.2.7:deny\n:allow\n',
    size: 2107,
    sha256: '7ead3491ee3f560f2342748cfed3a81422eef55b27daef58b626f4880e80b834',
    clients: [
      ['192.0.2.7', '192.0.2.7: deny'],
      ['192.0.2.70', ': allow'],
    ],
  },
  {
    why: 'a range in the last number',
    rules: '10.0.0.1-3:allow,A="1"\n',
    size: 2159,
    sha256: 'd4dd5f49d27e3d0a6f1cdd58682d83719922fcadcea8bc5df7db3530abfb59c1',
    clients: [
      ['10.0.0.2', '10.0.0.2: allow A=1'],
      ['10.0.0.4', 'default'],
    ],
  },
  {
    why: 'a range inside a prefix',
    rules: '10.2-3.:deny\n:allow\n',
    size: 2134,
    sha256: '5eb224762c76feceabaff86280de27b53619cb86b261c4957d07cf68312db912',
    clients: [
      ['10.2.9.9', '10.2.: deny'],
      ['10.4.0.1', ': allow'],
    ],
  },
  {
    why: 'ident',
    rules: 'joe@127.0.0.1:allow,W="1"\n127.:allow,W="2"\n:deny\n',
    size: 2149,
    sha256: '488ea173cde6f6259579cdc53136df77b9a5dc945c5ea7226e8b23940fe1a2da',
    clients: [
      [{ ip: '127.0.0.1', info: 'joe' }, 'joe@127.0.0.1: allow W=1'],
      [{ ip: '127.0.0.1', info: 'bill' }, '127.: allow W=2'],
      ['8.8.8.8', ': deny'],
    ],
  },
  {
    why: 'host names',
    rules: '=mail.example.com:allow,W="host"\n=.example.com:allow,W="sfx"\n=:allow,W="any"\n:deny\n',
    size: 2199,
    sha256: 'e8641c56daca7ef44c96527dae72e44ef5ed38d51ea494d3a5ed3e64fa502a6d',
    clients: [
      [{ ip: '192.0.2.1', host: 'mail.example.com' }, '=mail.example.com: allow W=host'],
      [{ ip: '192.0.2.1', host: 'a.b.example.com' }, '=.example.com: allow W=sfx'],
      [{ ip: '192.0.2.1', host: 'example.com' }, '=: allow W=any'],
      ['192.0.2.1', ': deny'],
    ],
  },
  {
    why: 'quoting',
    rules: '192.0.2.1:allow,A="x",B=/y/,C="",D=+a"b+\n',
    size: 2102,
    sha256: '30c8de6c3586a34c68c98cfe0c5298a19c9804adf3e711f99c28ae54de27d2cc',
    clients: [['192.0.2.1', '192.0.2.1: allow A=x B=y C= D=a"b']],
  },
  {
    why: 'deny with a variable',
    rules: '192.0.2.:deny,A="kept"\n',
    size: 2090,
    sha256: '3a0c5d1720b82ad99b5c2200ceed2c4dcb03c2b0a8371261a8075f47dbfa0d2c',
    clients: [['192.0.2.1', '192.0.2.: deny']],
  },
  {
    why: 'a duplicate address: the first line wins',
    rules: '192.0.2.1:allow,A="1"\n192.0.2.1:deny\n',
    size: 2121,
    sha256: '76e5ca5119e96ed329b79835eb9ce2ec5922cae1096e6aec1dd8297f6c318d6d',
    clients: [['192.0.2.1', '192.0.2.1: allow A=1']],
  },
  {
    why: 'IPv6',
    rules: '::1:allow,W="lo"\n2001:db8::allow,W="net"\n2001:db8::5:deny\n:allow,W="def"\n',
    size: 2189,
    sha256: '0447718282146f488d3a8977a8b51688190b6b269493c5deebc50b0cc37ca7fe',
    clients: [
      ['::1', '::1: allow W=lo'],
      ['2001:db8::5', '2001:db8::5: deny'],
      ['2001:db8::6', '2001:db8:: allow W=net'],
      ['2001:db9::1', ': allow W=def'],
    ],
  },
  {
    why: 'a comment, an empty line, trailing blanks, no final LF',
    rules: '# comment\n\n192.0.2.1:allow\t \n:deny',
    size: 2107,
    sha256: 'b3d4b7e2d6204bc5acc73a14c2318b5cf0948e5467a731b38f2e5ff579ab4f9e',
    clients: [
      ['192.0.2.1', '192.0.2.1: allow'],
      ['192.0.2.2', ': deny'],
    ],
  },
  {
    why: 'no input at all',
    rules: '',
    size: 2048,
    sha256: 'ad292543e381bc50175b6b6452ccc06e579755910a528c8dc7d18019279e1f3f',
    clients: [['192.0.2.1', 'default']],
  },
  {
    why: 'a range clamped at 255',
    rules: '192.0.2.250-300:deny\n',
    size: 2270,
    sha256: 'c287102804c525cc54d098f2474e207fa20086cb96e9552fa603a6844178c07a',
    clients: [
      ['192.0.2.255', '192.0.2.255: deny'],
      ['192.0.2.249', 'default'],
    ],
  },
  {
    why: 'a prefix without its dot never applies',
    rules: '192.0.2:deny\n:allow\n',
    size: 2105,
    sha256: '3aa0036bec9ec772535dd453720705946a90e9ccbcff6fac4427feae4ce51e22',
    clients: [['192.0.2.9', ': allow']],
  },
];

describe('worked examples', () => {
  for (const { why, rules, size, sha256, clients } of examples) {
    it(why, () => {
      const cdb = compile(rules);
      assert.equal(cdb.length, size);
      assert.equal(createHash('sha256').update(cdb).digest('hex'), sha256);
      for (const [client, expected] of clients) {
        assert.equal(meets(cdb, typeof client === 'string' ? { ip: client } : client), expected);
      }
    });
  }

  it('the order of look-up: each line applies once those before it are gone', () => {
    const lines = [
      'joe@1.2.3.4:allow,W="a"',
      'joe@=h.x.example:allow,W="b"',
      '1.2.3.4:allow,W="c"',
      '=h.x.example:allow,W="d"',
      '1.2.3.:allow,W="e"',
      '1.2.:allow,W="e2"',
      '=.x.example:allow,W="f"',
      '=.example:allow,W="f2"',
      '=:allow,W="g"',
      ':allow,W="h"',
    ];
    const client = { ip: '1.2.3.4', info: 'joe', host: 'h.x.example' };
    for (let first = 0; first < lines.length; first++) {
      const [address, value] = (lines[first] ?? '').split(':allow,W=');
      const cdb = compile(lines.slice(first).reverse().join('\n'));
      assert.equal(meets(cdb, client), `${address}: allow W=${value?.replaceAll('"', '')}`);
    }
    assert.equal(meets(compile(''), client), 'default');
  });
});

describe('recordings', () => {
  for (const recording of rulesRecordings()) {
    it(`${recording.name}: ${recording.about}`, () => {
      if (recording.cdb === undefined) {
        assert.throws(() => compile(recording.rules), RuleSyntaxError);
        return;
      }
      const cdb = compile(recording.rules);
      assert.deepEqual(cdb, recording.cdb.bytes);
      const records = compileRules(recording.rules, 'rules').map(({ key, data }) => ({
        key: Buffer.from(key, 'latin1'),
        data: Buffer.from(data, 'latin1'),
      }));
      if (recording.dump !== undefined) assert.deepEqual(serializeCdbText(records), recording.dump);
    });
  }
});

describe('refused lines', () => {
  const rows: [string, string][] = [
    ['CR LF', '192.0.2.1:allow\r'],
    ['another word', '192.0.2.1:accept'],
    ['a space behind the colon', '1.2.3.4: allow'],
    ['capitals', '1.2.3.4:ALLOW'],
    ['no colon', 'nocolon'],
    ['blanks and a word', ' \t x'],
    ['a setting without =', '1.2.3.4:allow,A'],
    ['a setting without quotes', '1.2.3.4:allow,A='],
    ['a quote that is not closed', '1.2.3.4:allow,A="'],
    ['text behind a quote', '1.2.3.4:allow,A="x"y'],
    ['a comma at the end', '1.2.3.4:allow,'],
    ['a longer word', '1.2.3.4:allowed'],
    ['two words', '1.2.3.4:denyallow'],
    ['the first instruction counts', '1:allowx:deny'],
    ['a range of letters', 'a-b:allow'],
    ['two ranges in one number', '1-2-3:allow'],
    ['an IPv6 range', '2001:db8::1-4:allow'],
    ['text behind the range', '1.2-3x.4:allow'],
    ['a NUL behind the instruction', 'a:deny\0'],
  ];
  for (const [why, line] of rows) {
    it(why, () => {
      const expected = (error: unknown): boolean =>
        error instanceof RuleSyntaxError && error.line === 3 && error.text === line && error.path === 'rules';
      assert.throws(() => compile(`:allow\n# comment\n${line}\n:deny\n`), expected);
    });
  }
  it('a line of blanks, on which the original loops', () => {
    assert.throws(() => compile('10.:allow\n  \n:deny\n'), RuleSyntaxError);
  });
});

describe('accepted oddities', () => {
  const rows: [string, string, [string, string][]][] = [
    ['an address with a colon', 'a:b:allow', [['a:b', '']]],
    ['a slash', '10.0.0.0/8:deny', [['10.0.0.0/8', 'D\0']]],
    ['a leading space is part of the address', ' 1.:allow', [[' 1.', '']]],
    ['a range that runs backwards', '1.2.3.5-2:deny', []],
    [
      'a missing first number is 0',
      '1.-1:allow',
      [
        ['1.0', ''],
        ['1.1', ''],
      ],
    ],
    ['a missing second number is 0', '1.3-.4:allow', []],
    [
      'leading zeros vanish in a range',
      '1.08-9:allow',
      [
        ['1.8', ''],
        ['1.9', ''],
      ],
    ],
    ['and stay elsewhere', '007:allow', [['007', '']]],
    ['a second range stays literal', '1-1.3-4.:allow', [['1.3-4.', '']]],
    ['no range in host names', '=a-b:allow', [['=a-b', '']]],
    ['nor behind an ident', 'x@1-2:allow', [['x@1-2', '']]],
    [
      'numbers wrap at the machine word',
      '18446744073709551617-2:allow',
      [
        ['1', ''],
        ['2', ''],
      ],
    ],
    ['a first number above 255', '300-400:allow', []],
    ['NUL in an address and a value', '1\0:allow,A=\0x\0', [['1\0', '+A=x\0']]],
    ['an empty name', '1:allow,="x"', [['1', '+=x\0']]],
    ['a comma as quote', '1:allow,A=,,', [['1', '+A=\0']]],
    ['commas and colons in a value', '1:allow,A="a,b:deny"', [['1', '+A=a,b:deny\0']]],
  ];
  for (const [why, line, records] of rows) {
    it(why, () => {
      const pairs = compileRules(Buffer.from(line, 'latin1'), 'rules').map(({ key, data }) => [key, data]);
      assert.deepEqual(pairs, records);
    });
  }
});

describe('reading a compiled rule', () => {
  const rows: [string, string, boolean, string[]][] = [
    ['nothing: allow', '', false, []],
    ['deny', 'D\0', true, []],
    ['variables in order, both of one name', '+A=1\0+A=2\0', false, ['A=1', 'A=2']],
    ['an unknown piece is ignored', 'X\0+A=1\0', false, ['A=1']],
    ['anything that begins with D denies', '+A=1\0Dx\0', true, ['A=1']],
    ['a piece without its NUL is ignored', '+A=1\0D', false, ['A=1']],
    ['a variable without a value is no variable', '+A\0', false, ['A']],
  ];
  for (const [why, data, deny, settings] of rows) {
    it(why, () => {
      const rule = parseRule(Buffer.from(data, 'latin1'));
      assert.deepEqual({ deny: rule.deny, settings: rule.settings }, { deny, settings });
    });
  }
  it('the environment has the later of two', () => {
    const { environment } = parseRule(Buffer.from('+A=1\0+B=\0+A=2=3\0+C\0'));
    assert.deepEqual(
      [...environment],
      [
        ['A', '2=3'],
        ['B', ''],
      ],
    );
  });
});

describe('keys and ranges', () => {
  it('a client without name and ident', () => {
    assert.deepEqual([...ruleKeys({ ip: '10.1.2.3' })], ['10.1.2.3', '10.1.2.', '10.1.', '10.', '']);
    assert.deepEqual([...ruleKeys({ ip: '2001:db8::5' })], ['2001:db8::5', '2001:db8::', '2001:db8:', '2001:', '']);
  });
  it('empty ident and host name count as set', () => {
    assert.deepEqual([...ruleKeys({ ip: '1', info: '', host: '' })], ['@1', '@=', '1', '=', '=', '']);
  });
  it('a whole range', () => assert.equal(expandRange('10.0-255.')?.length, 256));
});
