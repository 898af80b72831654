// formats/vpopmail/domain-order: vpopmail's order of users/assign and the control files.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { insertInOrder, type LineKind, sortKeys } from '../../../src/formats/vpopmail/domain-order.js';

describe('the sort key', () => {
  const rows: [string, string, LineKind, string][] = [
    ['one label', 'abc', 'host', 'abc'],
    ['two labels stay', 'example.com', 'host', 'example.com'],
    ['the last two labels come first', 'sub.a.example.com', 'host', 'example.com.sub.a'],
    ['whatever a registry thinks', 'x.co.uk', 'host', 'co.uk.x'],
    ['a wildcard', '.wild.example.org', 'host', 'example.org.wild'],
    ['a wildcard of one label keeps its dot', '.jp', 'host', '.jp'],
    ['empty labels vanish', 'dots..example.jp.', 'host', 'example.jp.dots'],
    ['five labels: the first two repeat', 'a.b.c.example.com', 'host', 'example.com.a.b.a'],
    ['more than ten labels: the first ten count', 'a.b.c.d.e.f.g.h.i.j.k.l', 'host', 'i.j.a.b.a.b.a.b.a.b'],
    ['only what stands before the colon', 'example.org:alias.example.com', 'host', 'example.org'],
    ['a comment', '# our hosts', 'host', '# our hosts'],
    ['a DOS line end is part of the last label', 'one.example.org\r', 'host', 'example.org\r.one'],
    ['a domain of users/assign', '+example.jp-:example.jp:89:89:/home/d:-::', 'assignment', 'example.jp'],
    ['a local user of users/assign', '=root:alias:6001:6000:/var/qmail/alias:-:root:', 'assignment', 'roo'],
    ['a name of one letter', '=x:alias:6001:6000:/var/qmail/alias:-:x:', 'assignment', ''],
  ];
  for (const [why, line, kind, key] of rows) {
    it(why, () => assert.deepEqual(sortKeys([line], kind), [key]));
  }

  it('a line of users/assign without a name has the key of the line before it', () => {
    assert.deepEqual(sortKeys(['+joe-:joe:1:1:/h:-::', '+:alias:1:1:/a:-::', ''], 'assignment'), ['joe', 'joe', 'joe']);
    assert.deepEqual(sortKeys(['+:alias:1:1:/a:-::'], 'assignment'), ['']);
  });
});

describe('insertion', () => {
  const rows: [string, string[], string, string[], boolean][] = [
    ['the first line', [], 'a.jp', ['a.jp'], false],
    ['before the first greater', ['a.jp', 'c.jp'], 'b.jp', ['a.jp', 'b.jp', 'c.jp'], false],
    ['at the end', ['a.jp'], 'b.jp', ['a.jp', 'b.jp'], false],
    ['a name that is there already: behind it', ['a.jp', 'b.jp'], 'a.jp', ['a.jp', 'a.jp', 'b.jp'], false],
    [
      'sub-domains stand behind their domain',
      ['example.jp', 'example.org'],
      'aaa.example.jp',
      ['example.jp', 'aaa.example.jp', 'example.org'],
      false,
    ],
    [
      'a file out of order is sorted, comments and blank lines with it',
      ['# our hosts', 'zeta.example.org', '', 'alpha.example.org', '.wild.example.org', 'Mixed.Example.Org'],
      'new.example.jp',
      [
        '',
        '# our hosts',
        'Mixed.Example.Org',
        'new.example.jp',
        'alpha.example.org',
        '.wild.example.org',
        'zeta.example.org',
      ],
      true,
    ],
    ['equal keys are in order', ['a.jp:x', 'a.jp:y'], 'b.jp:z', ['a.jp:x', 'a.jp:y', 'b.jp:z'], false],
  ];
  for (const [why, lines, line, after, isDisordered] of rows) {
    it(why, () => assert.deepEqual(insertInOrder(lines, line, 'host'), { lines: after, isDisordered }));
  }

  it('users/assign with local users, as recorded', () => {
    const root = '=root:alias:6001:6000:/var/qmail/alias:-:root:';
    const joe = '+joe-:joe:7001:7001:/home/hoster:-::';
    const alias = '+:alias:6001:6000:/var/qmail/alias:-::';
    const domain = '+new.example.jp-:new.example.jp:6020:6020:/home/vpopmail/domains/new.example.jp:-::';
    const { lines, isDisordered } = insertInOrder([root, joe, alias], domain, 'assignment');
    assert.deepEqual([lines, isDisordered], [[domain, joe, alias, root], true]);
  });
});
