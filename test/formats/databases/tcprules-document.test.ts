// formats/databases/tcprules-document: rules kept byte for byte, written anew, and what is odd in them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileRules } from '../../../src/formats/databases/tcprules.js';
import {
  parseRulesDocument,
  ruleLineText,
  rulesFindings,
  serializeRulesDocument,
} from '../../../src/formats/databases/tcprules-document.js';
import { rulesRecordings } from '../../support/tcprules-recordings.js';

const parse = (text: string): ReturnType<typeof parseRulesDocument> => parseRulesDocument(Buffer.from(text, 'latin1'));

describe('the document', () => {
  it('gives back every recorded text', () => {
    for (const { name, rules } of rulesRecordings()) {
      assert.deepEqual(serializeRulesDocument(parseRulesDocument(rules)), rules, name);
    }
  });

  it('names each line', () => {
    const { lines } = parse('# c\n\n10.:allow,A="1" \nrubbish\n  \n1-x:deny\n:deny');
    const kinds = lines.map(({ kind }) => kind);
    assert.deepEqual(kinds, ['comment', 'blank', 'rule', 'broken', 'broken', 'broken', 'rule']);
    assert.deepEqual(lines[2], {
      text: '10.:allow,A="1" ',
      end: '\n',
      kind: 'rule',
      address: '10.',
      deny: false,
      settings: ['A=1'],
    });
  });

  it('has a broken line exactly where the compiler refuses one', () => {
    for (const { name, rules } of rulesRecordings()) {
      const isBroken = parseRulesDocument(rules).lines.some(({ kind }) => kind === 'broken');
      let isRefused = false;
      try {
        compileRules(rules, 'rules');
      } catch {
        isRefused = true;
      }
      assert.equal(isBroken, isRefused, name);
    }
  });
});

describe('a rule as a line', () => {
  const rows: [string, string, string[], string][] = [
    ['nothing to set', '10.', [], '10.:allow'],
    ['as vpopmail writes it', '192.0.2.1', ['RELAYCLIENT=', 'RBLSMTPD='], '192.0.2.1:allow,RELAYCLIENT="",RBLSMTPD=""'],
    ['another quote where the value has one', '', ['A=a"b'], ":allow,A='a\"b'"],
    ['an equals sign in the value', '', ['A=b=c'], ':allow,A="b=c"'],
  ];
  for (const [why, address, settings, text] of rows) {
    it(why, () => assert.equal(ruleLineText({ address, deny: false, settings }), text));
  }
  it('refuses what no line can say', () => {
    const cannot = (address: string, ...settings: string[]): void => {
      assert.throws(() => ruleLineText({ address, deny: false, settings }), RangeError);
    };
    cannot('', 'A=a\nb');
    cannot('', `A="'/+|!%`);
    cannot('a:allow');
    cannot('1-x');
    cannot('#1');
  });
});

describe('findings', () => {
  const rows: [string, string, string[]][] = [
    ['nothing odd', '# c\n127.:allow,RELAYCLIENT=""\n10.0.0.1-9:deny\n2001:db8::allow\n=.a.jp:deny\n:allow\n', []],
    ['a DOS line end', ':allow\r\n', ['1 error DOS line end']],
    ['a line of blanks', ':allow\n  \n', ['2 error line of blanks']],
    ['no instruction', '10.:accept\n', ['1 error neither']],
    ['a broken setting', '10.:allow,A\n', ['1 error is not ADDRESS']],
    ['a broken range', 'a-b:allow\n', ['1 error range']],
    ['CIDR', '10.0.0.0/8:deny\n2001:db8::/32:deny\n', ['1 error /NN', '2 error /NN']],
    ['a prefix without its dot', '192.0.2:deny\n', ['1 error must end with a dot']],
    ['a host name without =', 'mail.example.jp:allow\n', ['1 error a = is missing']],
    ['capitals in a host name', '=Mail.example.jp:allow\n', ['1 error lower case']],
    ['IPv6 not in short form', '2001:db8:0:0::1:deny\n', ['1 error 2001:db8::1']],
    ['an IPv6 prefix with capitals', '2001:DB8::allow\n', ['1 error lower case']],
    ['an IPv6 prefix without its colon', '2001:db8:allow\n', ['1 error must end with a colon']],
    ['a mapped address', '::ffff:192.0.2.1:deny\n', ['1 error ::ffff:']],
    ['a leading blank', ' 10.:deny\n', ['1 error begins with a blank']],
    ['the same address twice', '10.:deny\n:allow\n10.:allow\n', ['3 warning line 1']],
    ['variables behind deny', '10.:deny,A="1"\n', ['1 warning no effect']],
    ['a range backwards', '10.0.0.9-1:deny\n', ['1 error backwards']],
    ['an ident before a prefix', 'joe@10.:deny\n', ['1 error before a prefix']],
  ];
  for (const [why, text, expected] of rows) {
    it(why, () => {
      const found = rulesFindings(parse(text));
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
