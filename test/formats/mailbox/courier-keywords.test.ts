import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCourierKeywords } from '../../../src/formats/mailbox/courier-keywords.js';
import { recordedFiles } from './recorded-files.js';

const parse = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    parseCourierKeywords(Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) }))),
  );

const rows: readonly [
  why: string,
  files: Readonly<Record<string, string>>,
  keywords: Readonly<Record<string, string[]>>,
][] = [
  ['nothing', {}, {}],
  ['the list alone', { ':list': '$L\nJunk\n\na,S=1:0\nb:1 0\n' }, { 'a,S=1': ['$L'], b: ['Junk', '$L'] }],
  ['a file of a period stands above the list', { ':list': 'x\n\na:0\n', '.7.a': 'y\nz\n' }, { a: ['y', 'z'] }],
  ['the latest period counts', { '.10.a': 'new\n', '.9.a': 'old\n' }, { a: ['new'] }],
  ['a plain file stands above all', { '.99.a': 'x\n', a: '', ':list': 'x\n\na:0\n' }, { a: [] }],
  ['files that are being written do not count', { '.tmp.1.a': 'x\n' }, {}],
  [
    'a base that begins with digits and dots',
    { '.5.1795488130.M4P2.vm,S=4': 'x\n' },
    { '1795488130.M4P2.vm,S=4': ['x'] },
  ],
  [
    'numbers without a name and lines that are none are dropped',
    { ':list': 'x\n\na:0 7\nrubbish\nb:\n:0\n' },
    { a: ['x'], b: [] },
  ],
  ['a list without its empty line has no messages', { ':list': 'x\na:0\n' }, {}],
  ['a base with colons', { ':list': 'x\n\na:b:0\n' }, { 'a:b': ['x'] }],
];

for (const [why, files, keywords] of rows) test(why, () => assert.deepEqual(parse(files), keywords));

test('the order of the files does not matter', () => {
  const names = ['a', '.1.a', '.2.a', '.30.a', ':list'];
  fc.assert(
    fc.property(fc.shuffledSubarray(names, { minLength: 1 }), (order) => {
      const files = Object.fromEntries(order.map((name) => [name, name === ':list' ? 'kl\n\na:0\n' : `k${name}\n`]));
      const best = ['a', '.30.a', '.2.a', '.1.a', ':list'].find((name) => order.includes(name));
      assert.deepEqual(parse(files).a, [best === ':list' ? 'kl' : `k${best}`]);
    }),
  );
});

test('the recorded directories give what Courier told its clients', () => {
  const ofRecording = (recording: string, directory: string) => {
    const files = recordedFiles().filter(
      (file) => file.where.startsWith(`${recording}:`) && file.directory === directory,
    );
    return Object.fromEntries(parseCourierKeywords(files));
  };
  assert.deepEqual(ofRecording('courier-keywords', 'Maildir/courierimapkeywords'), {
    '1772323300.4001.mail.example.gr.jp,S=443': [],
    '1772323400.4002.mail.example.gr.jp,S=838': ['$MDNSent', 'beta'],
    '1772323500.4003.mail.example.gr.jp': ['$MDNSent', 'alpha', 'beta'],
    '1772323600.4004.mail.example.gr.jp,S=43': ['gamma'],
    '1772327200.4040.mail.example.gr.jp,S=487': ['beta'],
  });
  assert.deepEqual(Object.values(ofRecording('courier-keywords', 'Maildir/.Kept/courierimapkeywords')), [
    ['$MDNSent', 'alpha', 'beta', 'delta'],
    ['$MDNSent', 'beta'],
  ]);
});

test('any bytes are keywords of some kind', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.uint8Array()), (files) => {
      parseCourierKeywords(Object.entries(files).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) })));
    }),
  );
});
