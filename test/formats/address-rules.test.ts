// The rules by which control files match addresses: rcpthosts, virtualdomains, badmailfrom, and qmail-send's rewriting.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewrite } from '../../src/formats/controls/address-rewriting.js';
import { isBadMailFrom } from '../../src/formats/controls/bad-mail-from.js';
import { parseMap, parseSet } from '../../src/formats/controls/control-file.js';
import { hostKeys, matchesHost, moreRcptHostsKeys } from '../../src/formats/controls/rcpthosts.js';
import { lookUp } from '../../src/formats/controls/virtual-domains.js';

const set = (...lines: string[]): Set<string> => parseSet(Buffer.from(lines.join('\n'), 'latin1'));
const map = (...lines: string[]): Map<string, string> => parseMap(Buffer.from(lines.join('\n'), 'latin1'));

describe('rcpthosts', () => {
  const entries = set('Example.JP', '.wild.jp', 'xn--p1ai');
  const has = (key: string): boolean => entries.has(key);
  const rows: [string, string, boolean][] = [
    ['the domain', 'example.jp', true],
    ['in any case', 'EXAMPLE.jp', true],
    ['not below it', 'a.example.jp', false],
    ['below a wildcard', 'a.wild.jp', true],
    ['deep below it', 'a.b.wild.jp', true],
    ['the wildcard is not the domain itself', 'wild.jp', false],
    ['nor a name that only ends like it', 'awild.jp', false],
    ['the dot form of a listed wildcard', '.wild.jp', true],
    ['the empty domain', '', false],
    ['a name without dots', 'XN--P1AI', true],
    ['a trailing dot is another name', 'example.jp.', false],
  ];
  for (const [why, domain, expected] of rows) it(why, () => assert.equal(matchesHost(domain, has), expected));

  it('asks whole, then from each dot, longest first', () => {
    assert.deepEqual(hostKeys('A.b.C'), ['a.b.c', '.b.c', '.c']);
    assert.deepEqual(hostKeys(''), []);
  });

  it('morercpthosts: keys as qmail-newmrh makes them', () => {
    const text = '# c\n\nONE.Example.JP\n  three.jp\nfour.jp\t\na.jp\r\n \t\nlast';
    const keys = ['one.example.jp', '  three.jp', 'four.jp', 'a.jp\r', 'last'];
    assert.deepEqual(moreRcptHostsKeys(Buffer.from(text)), keys);
  });
});

describe('virtualdomains', () => {
  const entries = map(
    'one@virt.jp:special',
    'virt.jp:joe-v',
    '.wild.jp:joe-w',
    '.sub.wild.jp:deep',
    'exc.wild.jp:',
    ':alias-catch',
  );
  const rows: [string, string, string, string][] = [
    ['the whole address first', 'One@VIRT.jp', 'one@virt.jp', 'special'],
    ['then the domain', 'two@virt.jp', 'virt.jp', 'joe-v'],
    ['then suffixes', 'x@a.wild.jp', '.wild.jp', 'joe-w'],
    ['the longer suffix wins', 'x@a.sub.wild.jp', '.sub.wild.jp', 'deep'],
    ['an exception has an empty prefix', 'y@exc.wild.jp', 'exc.wild.jp', ''],
    ['the rest', 'z@nowhere.jp', '', 'alias-catch'],
    ['the last @ counts', 'a@b@virt.jp', 'virt.jp', 'joe-v'],
    ['the empty domain has the rest only', 'a@', '', 'alias-catch'],
  ];
  for (const [why, address, key, prefix] of rows) {
    it(why, () => assert.deepEqual(lookUp(address, entries), { key, prefix }));
  }
  it('no entry', () => assert.equal(lookUp('a@b.jp', map('c.jp:x')), undefined));
});

describe('badmailfrom', () => {
  const entries = set('Spammer@example.com', '@bad.example');
  const rows: [string, string, boolean][] = [
    ['the address', 'spammer@EXAMPLE.com', true],
    ['another at that domain', 'other@example.com', false],
    ['anybody at a listed domain', 'x@Bad.Example', true],
    ['not below it', 'x@a.bad.example', false],
    ['the last @ counts', 'a@b@bad.example', true],
    ['the empty sender never', '', false],
    ['no domain', 'spammer', false],
  ];
  for (const [why, sender, expected] of rows) it(why, () => assert.equal(isBadMailFrom(sender, entries), expected));
  it('the empty sender not even when listed', () => assert.equal(isBadMailFrom('', new Set([''])), false));
});

describe('rewriting, as verified with qmail-send', () => {
  const rules = {
    envNoAtHost: 'mx.test.example',
    percentHack: set('ph.example'),
    locals: set('test.example'),
    virtualDomains: map(
      'virt.example:joe-v',
      'user@v2.example:ann',
      '.wild.example:joe-w',
      'exc.wild.example:',
      ':alias-catch',
    ),
  };
  const rows: [string, 'local' | 'remote', string][] = [
    ['joe@TEST.example', 'local', 'joe@TEST.example'],
    ['info@virt.example', 'local', 'joe-v-info@virt.example'],
    ['user@V2.example', 'local', 'ann-user@V2.example'],
    ['x@a.wild.example', 'local', 'joe-w-x@a.wild.example'],
    ['y@exc.wild.example', 'remote', 'y@exc.wild.example'],
    ['a%virt.example@ph.example', 'local', 'joe-v-a@virt.example'],
    ['a%b%ph.example@PH.example', 'local', 'alias-catch-a@b'],
    ['a%test.example@other.example', 'local', 'alias-catch-a%test.example@other.example'],
    ['noat%ph.example@ph.example', 'local', 'alias-catch-noat@ph.example'],
    ['z@nowhere.example', 'local', 'alias-catch-z@nowhere.example'],
    ['nohost', 'local', 'alias-catch-nohost@mx.test.example'],
    ['', 'local', 'alias-catch-@mx.test.example'],
  ];
  for (const [recipient, channel, address] of rows) {
    it(recipient === '' ? '(empty)' : recipient, () => {
      const { channel: gone, address: became } = rewrite(recipient, rules);
      assert.deepEqual({ gone, became }, { gone: channel, became: address });
    });
  }

  it('locals come before virtualdomains, and without any entry mail goes out', () => {
    const both = { ...rules, virtualDomains: map('test.example:v') };
    assert.deepEqual(rewrite('a@test.example', both), {
      channel: 'local',
      address: 'a@test.example',
      complete: 'a@test.example',
    });
    assert.equal(rewrite('a@else.example', both).channel, 'remote');
  });

  it('tells the entry, the prefix and the address before it', () => {
    const { key, prefix, complete } = rewrite('a%virt.example@ph.example', rules);
    assert.deepEqual({ key, prefix, complete }, { key: 'virt.example', prefix: 'joe-v', complete: 'a@virt.example' });
  });
});
