// The accounts of a large domain: what is read with the help of the last look is what would be read without it.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { SharedTexts } from '../../src/watch/changes/fingerprint.js';
import { differingRows, type Table } from '../../src/watch/changes/table.js';
import { type AccountVersion, readAccounts } from '../../src/watch/files/account-file.js';
import { unsettled } from '../../src/watch/files/version.js';
import { newRoot, removeRoot } from '../support/recording.js';

const texts = new SharedTexts();
const noRest = (): undefined => undefined;
/** More than one chunk, and larger than a file that is always read whole. */
const names = Array.from({ length: 6000 }, (_, number) => `user${String(number).padStart(5, '0')}`);

type Accounts = ReadonlyMap<string, string>;

class LargeDomain {
  readonly directory = newRoot();

  constructor(t: TestContext) {
    t.after(() => removeRoot(this.directory));
  }

  write(accounts: Accounts, order: (names: string[]) => string[] = (all) => all.sort()): void {
    const records = order([...accounts.keys()]).map((name) => ({
      key: Buffer.from(name),
      data: Buffer.from(
        `$1$abcdefgh$${accounts.get(name)}:1:0:${name}:/home/vpopmail/domains/large.example/${name}:NOQUOTA`,
      ),
    }));
    const temporary = path.join(this.directory, 'cdb.tmp');
    writeFileSync(temporary, makeCdb(records));
    renameSync(temporary, path.join(this.directory, 'vpasswd.cdb'));
  }

  /** Reads until the file is old enough to be trusted. */
  async read(before: AccountVersion | undefined): Promise<AccountVersion> {
    for (;;) {
      const version = await readAccounts(this.directory, before, texts, noRest);
      assert.ok(version !== undefined);
      if (version.mark !== unsettled) return version;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function rowsOf(table: Table): string[] {
  return Array.from({ length: table.size }, (_, row) =>
    [table.nameOf(row), ...Array.from({ length: table.columns }, (_, column) => table.cell(row, column))].join(':'),
  );
}

const changes: readonly { reason: string; change: (accounts: Map<string, string>) => void }[] = [
  { reason: 'nothing', change: () => {} },
  { reason: 'one password', change: (all) => all.set('user03000', 'other') },
  { reason: 'the first and the last account', change: (all) => all.set('user00000', 'x').set('user05999', 'y') },
  { reason: 'one more in the middle', change: (all) => all.set('user03000a', 'new') },
  { reason: 'one more before all', change: (all) => all.set('anna', 'new') },
  { reason: 'one more behind all', change: (all) => all.set('zoe', 'new') },
  { reason: 'one less', change: (all) => all.delete('user01234') },
  {
    reason: 'one less and one more far away',
    change: (all) => all.delete('user00010') && all.set('user05000b', 'new'),
  },
  {
    reason: 'a name that takes the place of its neighbour',
    change: (all) => all.delete('user02000') && all.set('user02000z', 'v'),
  },
  {
    reason: 'every tenth password',
    change: (all) =>
      names.forEach((name, number) => {
        if (number % 10 === 0) all.set(name, 'tenth');
      }),
  },
  {
    reason: 'half of them gone',
    change: (all) =>
      names.forEach((name, number) => {
        if (number % 2 === 0) all.delete(name);
      }),
  },
];

test('what changed in a large domain', async (t) => {
  const domain = new LargeDomain(t);
  for (const { reason, change } of changes) {
    const accounts = new Map(names.map((name) => [name, 'password']));
    domain.write(accounts);
    const before = await domain.read(undefined);
    assert.ok(before.chunks !== undefined && before.chunks.digests.length > 10);
    change(accounts);
    domain.write(accounts);
    const [now, whole] = [await domain.read(before), await domain.read(undefined)];
    assert.ok(now.common !== undefined, `${reason}: found by its chunks`);
    assert.deepEqual(rowsOf(now.accounts), rowsOf(whole.accounts), reason);
    assert.deepEqual(
      [...differingRows(before.accounts, now.accounts, now.common)].filter((row) => row !== undefined),
      [...differingRows(before.accounts, whole.accounts)].filter((row) => row !== undefined),
      reason,
    );
    // A change after the change.
    accounts.set('user03001', 'last');
    domain.write(accounts);
    assert.deepEqual(
      rowsOf((await domain.read(now)).accounts),
      rowsOf((await domain.read(undefined)).accounts),
      reason,
    );
  }
});

test('a change of one account takes few of the others apart', async (t) => {
  const domain = new LargeDomain(t);
  const accounts = new Map(names.map((name) => [name, 'password']));
  domain.write(accounts);
  const before = await domain.read(undefined);
  accounts.set('user03000', 'other');
  domain.write(accounts);
  const { common } = await domain.read(before);
  assert.ok(common !== undefined && common.first + common.last > names.length - 2000);
});

test('accounts that are not in order are read whole each time', async (t) => {
  const domain = new LargeDomain(t);
  const accounts = new Map(names.map((name) => [name, 'password']));
  const backwards = (all: string[]): string[] => all.sort().reverse();
  domain.write(accounts, backwards);
  const before = await domain.read(undefined);
  assert.equal(before.chunks, undefined);
  accounts.set('user03000', 'other');
  domain.write(accounts, backwards);
  const now = await domain.read(before);
  assert.equal(now.common, undefined);
  assert.equal([...differingRows(before.accounts, now.accounts)].filter((row) => row !== undefined).length, 1);

  domain.write(accounts);
  const inOrder = await domain.read(now);
  accounts.set('user00001', 'other');
  domain.write(accounts, (all) => [...all.sort().slice(1), all[0] ?? '']);
  assert.deepEqual(rowsOf((await domain.read(inOrder)).accounts), rowsOf((await domain.read(undefined)).accounts));
});
