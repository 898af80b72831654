// Which addresses are an account's own: those whose mail leads to it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { createDelivery } from '../../../src/delivery/local-delivery.js';
import { leadsTo } from '../../../src/delivery/resolution/leads-to.js';
import { TemporaryError } from '../../../src/errors.js';
import { assignRecords, parseAssign } from '../../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import type { Layout } from '../../../src/layout.js';
import { openHost } from '../../../src/stores/host.js';
import { mailOwner, makeDeliveryHost } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const domain = '/home/vpopmail/domains/example.jp';
const bounce = "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n";

/** The accounts u0 to u3 in example.jp, with the alias domain alias.example. */
function host(t: TestContext, files: Readonly<Record<string, string>>): Layout {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeDeliveryHost(root, { accounts: 4 });
  const { uid, gid } = mailOwner;
  const lines = [
    `+alias.example-:example.jp:${uid}:${gid}:${domain}:-::`,
    `+example.jp-:example.jp:${uid}:${gid}:${domain}:-::`,
    '.\n',
  ];
  fs.writeFileSync(layout.usersCdb, makeCdb(assignRecords(parseAssign(Buffer.from(lines.join('\n'))))));
  fs.writeFileSync(layout.control('virtualdomains'), 'example.jp:example.jp\nalias.example:alias.example\n');
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(layout.disk(`${domain}/${name}`), text);
  return layout;
}

function isOwn(layout: Layout, address: string): Promise<boolean> {
  const directory = layout.disk(`${domain}/u0`);
  return leadsTo(createDelivery(openHost(layout)), { name: 'u0', domain: 'example.jp', directory }, address);
}

const rows: [address: string, isOwn: boolean, why: string, files?: Readonly<Record<string, string>>][] = [
  ['u0@example.jp', true, 'the account'],
  ['U0@Example.JP', true, 'in any case'],
  ['u0@alias.example', true, 'by an alias domain'],
  ['u0-list@example.jp', true, 'with an extension'],
  ['u1@example.jp', false, 'another account'],
  ['u0@elsewhere.example', false, 'the same name in a domain of others'],
  ['u0', false, 'without a domain'],
  ['nobody@example.jp', false, 'an address that does not exist'],
  ['sales@example.jp', true, 'an alias', { '.qmail-sales': '&u0@example.jp\n' }],
  ['sales@alias.example', true, 'an alias by an alias domain', { '.qmail-sales': '&u0@example.jp\n' }],
  ['sales@example.jp', true, 'an alias for several', { '.qmail-sales': '&u1@example.jp\nu0@alias.example\n' }],
  [
    'sales@example.jp',
    true,
    'an alias of an alias',
    { '.qmail-sales': '&all@example.jp\n', '.qmail-all': '&u0@example.jp\n' },
  ],
  ['sales@example.jp', true, 'a Maildir', { '.qmail-sales': `${domain}/u0/Maildir/\n` }],
  ['sales@example.jp', true, 'a Maildir beside a forward', { '.qmail-sales': '&a@elsewhere.example\n./u0/Maildir/\n' }],
  ['sales@example.jp', false, "another's alias", { '.qmail-sales': '&u1@example.jp\n' }],
  ['u1@example.jp', true, 'an account that forwards', { 'u1/.qmail': '&u0@example.jp\n' }],
  ['u1@example.jp', true, 'and keeps a copy', { 'u1/.qmail': './Maildir/\nu0@example.jp\n' }],
  ['u0@example.jp', true, 'one that forwards all it gets', { 'u0/.qmail': '&a@elsewhere.example\n' }],
  ['u0-x@example.jp', true, 'an extension of one that forwards all it gets', { 'u0/.qmail': '&a@elsewhere.example\n' }],
  ['u0-x@example.jp', false, 'an extension that the domain gives to others', { '.qmail-u0-x': '&u1@example.jp\n' }],
  ['list@example.jp', false, 'a list', { '.qmail-list': '|ezmlm-send list\n&u1@example.jp\n' }],
  [
    'loop@example.jp',
    false,
    'aliases in a circle',
    { '.qmail-loop': '&pool@example.jp\n', '.qmail-pool': '&loop@example.jp\n' },
  ],
  ['any@example.jp', true, 'a catch-all', { '.qmail-default': bounce.replace('bounce-no-mailbox', 'u0@example.jp') }],
  [
    'any@example.jp',
    true,
    'a catch-all directory',
    { '.qmail-default': bounce.replace('bounce-no-mailbox', `${domain}/u0`) },
  ],
  [
    'u2@example.jp',
    false,
    'an account of a domain with a catch-all',
    { '.qmail-default': bounce.replace('bounce-no-mailbox', 'u0@example.jp') },
  ],
];

for (const [address, want, why, files] of rows) {
  test(`${address}: ${why}`, async (t) => {
    assert.equal(await isOwn(host(t, files ?? {}), address), want);
  });
}

test('of one that cannot be read nothing is said, unless another way leads there', async (t) => {
  const layout = host(t, { '.qmail-sales': '&b@example.jp\n', '.qmail-b': '\n&x@example.jp\n' });
  await assert.rejects(isOwn(layout, 'sales@example.jp'), TemporaryError);
  fs.appendFileSync(layout.disk(`${domain}/.qmail-sales`), '&u0@example.jp\n');
  assert.equal(await isOwn(layout, 'sales@example.jp'), true);
});

test('there is an end to following', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`.qmail-a${n}`, `&a${n + 1}@example.jp\n`]));
  assert.equal(await isOwn(host(t, { ...files, '.qmail-a200': '&u0@example.jp\n' }), 'a0@example.jp'), false);
});
