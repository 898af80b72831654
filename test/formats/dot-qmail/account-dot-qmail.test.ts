import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AccountInstruction,
  accountDotQmailNames,
  parseAccountDotQmail,
  serializeAccountDotQmail,
} from '../../../src/formats/dot-qmail/account-dot-qmail.js';

function parse(text: string): AccountInstruction[] {
  return parseAccountDotQmail(Buffer.from(text, 'latin1')).map(
    ({ text: _text, end: _end, number: _number, ...line }) => line,
  );
}

test('lines as vdelivermail reads them', () => {
  const rows: [text: string, instructions: AccountInstruction[], why: string][] = [
    ['', [], 'an empty file: the Maildir'],
    ['# delete\n', [{ kind: 'comment' }], "qmailadmin's black hole"],
    ['&a@else.example\n', [{ kind: 'forward', address: 'a@else.example' }], 'with &'],
    ['a@else.example', [{ kind: 'forward', address: 'a@else.example' }], 'without, and without LF'],
    ['&a@else.example  \n', [{ kind: 'forward', address: 'a@else.example  ' }], 'trailing blanks count'],
    ['\n', [{ kind: 'forward', address: '' }], 'a blank line is an empty address'],
    ['+list\n', [{ kind: 'forward', address: '+list' }], 'no meaning of its own'],
    ['./Maildir/\n', [{ kind: 'maildir', path: './Maildir/' }], 'relative'],
    ['/d/joe/Maildir/\n', [{ kind: 'maildir', path: '/d/joe/Maildir/' }], 'absolute'],
    ['./Maildir/ \n', [{ kind: 'mbox', path: './Maildir/ ' }], 'a blank behind makes it an mbox'],
    ['./mbox\n', [{ kind: 'mbox', path: './mbox' }], 'an mbox'],
    [
      '| /usr/bin/prog x \n',
      [{ kind: 'program', command: '/usr/bin/prog x ' }],
      'blanks in front go, those behind stay',
    ],
    ['||prog\n', [{ kind: 'program', command: 'prog' }], 'every | in front goes'],
    ['&a\0b\n', [{ kind: 'forward', address: 'a' }], 'a NUL ends the line'],
  ];
  for (const [text, instructions, why] of rows) assert.deepEqual(parse(text), instructions, why);
});

test('an overlong line is read in pieces of 499 bytes', () => {
  const line = `&${'a'.repeat(498)}./b/`;
  assert.deepEqual(parse(`${line}\n`), [
    { kind: 'forward', address: 'a'.repeat(498) },
    { kind: 'maildir', path: './b/' },
  ]);
  assert.deepEqual(
    parseAccountDotQmail(Buffer.from(`#\n${line}\n`)).map((piece) => piece.number),
    [1, 2, 2],
  );
});

test('the files for an extension (delivery/user-extension)', () => {
  const rows: [extension: string, suffixes: string[]][] = [
    ['', ['']],
    ['ext', ['-ext', '-default', '']],
    ['a-b', ['-a-b', '-a-default', '-default', '']],
    ['x.y', ['-x:y', '-default', '']],
    ['a-', ['-a-', '-a-default', '-default', '']],
  ];
  for (const [extension, suffixes] of rows) assert.deepEqual(accountDotQmailNames(extension), suffixes, extension);
});

test('property: written back as read, whatever the length of the lines', () => {
  const unit = fc.constantFrom('#', '&', '|', '.', '/', ' ', '\n', '\r', '\0', 'a', 'b'.repeat(400), '\xff');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      assert.equal(
        serializeAccountDotQmail(parseAccountDotQmail(Buffer.from(text, 'latin1'))).toString('latin1'),
        text,
      );
    }),
  );
});
