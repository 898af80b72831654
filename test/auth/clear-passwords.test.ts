// Whether accounts have clear passwords, as the files change.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ClearPasswords } from '../../src/auth/clear-passwords.js';
import { Layout } from '../../src/layout.js';
import { newRoot, removeRoot } from '../support/recording.js';

const hash = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
const withClear = `joe:${hash}:1:0:joe:/d/joe:NOQUOTA:known99\n`;
const hashAlone = `joe:${hash}:1:0:joe:/d/joe:NOQUOTA\n`;

interface Place {
  readonly layout: Layout;
  write(domain: string, vpasswd: string | undefined): void;
  look(): ClearPasswords;
}

function place(t: TestContext, domains: Readonly<Record<string, string>>): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  const write = (domain: string, vpasswd: string | undefined): void => {
    const file = path.join(layout.domains, domain, 'vpasswd');
    mkdirSync(path.dirname(file), { recursive: true });
    if (vpasswd === undefined) rmSync(file, { recursive: true, force: true });
    else writeFileSync(file, vpasswd);
  };
  mkdirSync(path.dirname(layout.assign), { recursive: true });
  const lines = Object.keys(domains).map((name) => `+${name}-:${name}:89:89:/home/vpopmail/domains/${name}:-::\n`);
  writeFileSync(layout.assign, `${lines.join('')}.\n`);
  for (const [domain, text] of Object.entries(domains)) write(domain, text);
  return {
    layout,
    write,
    look() {
      const clear = new ClearPasswords(layout);
      t.after(() => clear.close());
      return clear;
    },
  };
}

const rows: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
  ['a clear password', { 'a.jp': withClear }, true],
  ['hashes alone', { 'a.jp': hashAlone, 'b.jp': hashAlone }, false],
  [
    'in one of several domains',
    { 'a.jp': hashAlone, 'b.jp': hashAlone, 'c.jp': hashAlone + withClear.replace('joe', 'kim') },
    true,
  ],
  ['an empty eighth field', { 'a.jp': `${hashAlone.trimEnd()}:\n` }, false],
  ['a clear password without a hash, which lets nobody in', { 'a.jp': withClear.replace(hash, '') }, false],
  ['a colon in it', { 'a.jp': withClear.replace('known99', ':') }, true],
  ['broken lines before', { 'a.jp': `\nx\n:::::::\n${withClear}` }, true],
  ['no domains', {}, false],
];
for (const [name, domains, expected] of rows)
  test(`${name}: ${expected}`, (t) => assert.equal(place(t, domains).look().areStored, expected));

test('it follows the files', async (t) => {
  const { write, look } = place(t, { 'a.jp': hashAlone, 'b.jp': hashAlone });
  const clear = look();
  assert.equal(clear.areStored, false);
  write('b.jp', withClear);
  await clear.lookAgain();
  assert.equal(clear.areStored, true);
  write('b.jp', hashAlone);
  write('a.jp', withClear);
  await clear.lookAgain();
  assert.equal(clear.areStored, true, 'another domain has some now');
  write('a.jp', undefined);
  await clear.lookAgain();
  assert.equal(clear.areStored, false);
});

test('whoever asked is told of a change, once', async (t) => {
  const { layout, write } = place(t, { 'a.jp': hashAlone });
  const told: boolean[] = [];
  const clear = new ClearPasswords(layout, (areStored) => told.push(areStored));
  t.after(() => clear.close());
  await clear.lookAgain();
  write('a.jp', withClear);
  await clear.lookAgain();
  await clear.lookAgain();
  write('a.jp', hashAlone);
  await clear.lookAgain();
  assert.deepEqual(told, [true, false]);
});

test('without users/assign there are none', (t) => {
  const { layout, look } = place(t, {});
  rmSync(layout.assign);
  assert.equal(look().areStored, false);
});
