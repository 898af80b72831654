// Addresses that no standard knows: what Dovecot 2.3.19 answered to ENVELOPE for each of them. Messages as a whole: test/interop/imap/fetch-dovecot.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddresses } from '../../../src/protocols/mime/addresses.js';

const mailbox = (text: string): string[] => [`- ${text} MISSING_DOMAIN`];
const nameAlone = (text: string): string[] => [`${text} MISSING_MAILBOX MISSING_DOMAIN`];

const rows: readonly { readonly why: string; readonly field: string; readonly expected: readonly string[] }[] = [
  { why: 'several words are a name', field: 'nobo dy', expected: nameAlone('nobo_dy') },
  { why: 'quoted words too', field: 'nobo "dy" z', expected: nameAlone('nobo_dy_z') },
  { why: 'one word that is quoted is a name', field: '"q"', expected: nameAlone('q') },
  { why: 'a quote that does not end counts for nothing', field: 'nobo"dy', expected: mailbox('nobo') },
  { why: 'a comment in it is no comment', field: 'nobo "dy (c)', expected: mailbox('nobo') },
  { why: 'nor does it count at the very end', field: 'n "\\', expected: mailbox('n') },
  { why: 'but what stands before its last escape does', field: 'nobo"dy\\x z', expected: nameAlone('nobo_dy') },
  { why: 'and what stands before its last line end', field: 'nobo"dy\n more', expected: nameAlone('nobo_dy') },
  { why: 'an escaped line end leaves the escape', field: 'a "b\\\n c', expected: nameAlone('a_b\\') },
  { why: 'behind a quoted word', field: '"q" "r', expected: nameAlone('q') },
  { why: 'alone', field: '"a\\"b', expected: ['- MISSING_MAILBOX MISSING_DOMAIN'] },
  { why: 'an address in it is none', field: 'x "a\\y b <c@d>', expected: nameAlone('x_a') },
  { why: 'before a comment', field: 'nobo (c) "dy', expected: ['c nobo MISSING_DOMAIN'] },
  { why: 'it ends the list', field: 'x, nobo"dy, z', expected: [...mailbox('x'), ...mailbox('nobo')] },
  { why: 'in a group', field: 'g: nobo"dy;', expected: ['- g -', ...mailbox('nobo'), '- - -'] },
  { why: 'inside of <>', field: '<a"b@c>', expected: ['- a SYNTAX_ERROR'] },
];

for (const { why, field, expected } of rows)
  test(`${why}: ${JSON.stringify(field)}`, () => {
    const found = parseAddresses(field).map(({ name, mailbox, domain }) =>
      [name?.replaceAll(' ', '_'), mailbox, domain].map((part) => part ?? '-').join(' '),
    );
    assert.deepEqual(found, expected);
  });
