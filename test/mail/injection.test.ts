// What qmail-inject makes of odd headers and addresses. Each row is what notqmail's own qmail-inject printed with -n, or queued.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InjectOptions, inject } from '../../src/mail/injection/inject.js';

const options: InjectOptions = {
  names: {
    defaultHost: 'mail.example.gr.jp',
    defaultDomain: 'example.gr.jp',
    plusDomain: 'gr.jp',
    idHost: 'mail.example.gr.jp',
  },
  from: { name: undefined, user: 'joe', host: undefined },
  returnPath: { user: undefined, host: undefined },
  sender: undefined,
  flags: '',
  recipientsFrom: 'arguments or header',
  arguments: [],
  lists: new Set(),
  unixSeconds: 0,
  pid: 1,
};

/** The header without what is added on top. */
function given(text: string, changed: Partial<InjectOptions> = {}): string {
  const all = `Date: d\nMessage-ID: m\nFrom: f@x.y\n${text}`;
  const { header } = inject(Buffer.from(all, 'latin1'), { ...options, ...changed });
  return header.slice(header.indexOf('From: f@x.y\n') + 'From: f@x.y\n'.length);
}

const fields: readonly [why: string, before: string, after: string][] = [
  ['a message without a body gets no empty line', 'To: a@b.c\n', 'To: a@b.c\n'],
  ['a line that is none of a header gets one before it', 'To: a@b.c\nno colon\n', 'To: a@b.c\n\n'],
  ['an mbox line is kept wherever it stands', 'To: a@b.c\nFrom : x@y.z\n\n', 'To: a@b.c\nMBOX-Line: From : x@y.z\n'],
  ['8-bit words are quoted', 'To: jo\xe9@a.b\n\n', 'To: "jo\xe9"@a.b\n'],
  ['inner brackets of a comment are left out', 'To: a@b.c (x (y) z)\n\n', 'To: a@b.c (x y z)\n'],
  ['a colon outside of a group: the field stays as it is', 'To: a:b\n\n', 'To: a:b\n'],
  ['a blank in front of a bracket is no comma', 'To: <a@b.c> <d@e.f>\n\n', 'To: <a@b.c> <d@e.f>\n'],
  ['two groups', 'To: g: a@b.c; , h: d@e.f;\n\n', 'To: g: a@b.c;, h: d@e.f;\n'],
];
for (const [why, before, after] of fields) test(why, () => assert.equal(given(before), after));

test('a colon outside of a group in a field that must be understood', () => {
  assert.throws(() => given('Reply-To: a:b\n\n'), /^Error: unable to parse this line:\nReply-To: a:b$/);
});

test('the last address of the first Return-Path is the sender', () => {
  const sender = (text: string, flags = ''): string => inject(Buffer.from(`${text}\n`), { ...options, flags }).sender;
  assert.equal(sender('Return-Path: a@b.c, d@e.f\n'), 'd@e.f');
  assert.equal(sender('Return-Path: a@b.c\nReturn-Path: d@e.f\n'), 'a@b.c');
  assert.equal(sender('Return-Path: a@b.c\n', 'r'), 'a@b.c-@[]');
  assert.equal(sender('Return-Path: a@b.c\n', 's'), 'joe@mail.example.gr.jp');
});

test('recipients of fields that cannot be understood, and of those with a NUL', () => {
  const recipients = (text: string): readonly string[] => inject(Buffer.from(`${text}\n`), options).recipients;
  assert.deepEqual(recipients('To: a@b.c>\n'), ['a@b.c'], 'what was read counts');
  assert.deepEqual(recipients('To: z@b.c, x:a@b.c\n'), ['a@b.c']);
  assert.deepEqual(
    recipients('To: a@b.c\0Te@f.g\nCc: d@e.f\n'),
    ['a@b.c', 'd@e.f'],
    'the envelope ends an address there',
  );
});

test('a sender that cannot be understood', () => {
  const of = (changed: Partial<InjectOptions>) => () => inject(Buffer.from('\n'), { ...options, ...changed });
  assert.throws(of({ sender: '"a@b.c"' }), /^Error: unable to parse this line:\n"\\"a"@b\.c"$/);
  assert.throws(
    of({ from: { name: undefined, user: 'joe', host: 'x"' } }),
    /^Error: unable to parse this line:\njoe@x"$/,
  );
});

test('recipients that are given as arguments', () => {
  const recipient = (argument: string): string | undefined =>
    inject(Buffer.from('\n'), { ...options, arguments: [argument] }).recipients[0];
  assert.equal(recipient('joe@a.b (a comment)'), 'joe@a.b');
  assert.equal(recipient('(c) joe@a (d)'), '(c) joe@a.example.gr.jp');
  assert.throws(() => recipient('a@[x'), /^Error: unable to parse address: a@\[x$/);
});

test('Mail-Followup-To names the last recipient first', () => {
  const lists = new Set(['a@b.c']);
  assert.match(
    inject(Buffer.from('To: x@y.z\nCc: a@b.c\n\n'), { ...options, lists }).header,
    /^Mail-Followup-To: a@b\.c,\n {2}x@y\.z$/m,
  );
});
