import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { takeLock } from '../../../src/files/locks/lock.js';
import { bufferSource, cdbFind, makeCdb } from '../../../src/formats/databases/cdb.js';
import { findRecord, removeRecord } from '../../../src/formats/vpopmail/vpasswd-lines.js';
import { accountsOf } from '../../../src/stores/accounts/enumeration.js';
import { changeAccounts, rebuildIndex, withAccounts } from '../../../src/stores/accounts/user-database.js';
import { type DomainTree, sampleVpasswd, withDomain } from './domain-tree.js';

const withoutJoe = sampleVpasswd.replace(/^joe:.*\n/m, '');

function inIndex(tree: DomainTree, name: string): boolean {
  return cdbFind(bufferSource(fs.readFileSync(tree.path('vpasswd.cdb'))), name, 'vpasswd.cdb') !== undefined;
}

describe('the accounts of a domain', () => {
  it('are replaced together with their index, and nothing else is left', () =>
    withDomain(sampleVpasswd, async (tree) => {
      await changeAccounts(tree.place, (text) => removeRecord(text, 'joe'));
      assert.deepEqual(tree.names(), ['vpasswd', 'vpasswd.cdb']);
      assert.equal(tree.read('vpasswd'), withoutJoe, 'a comment stays');
      assert.deepEqual([inIndex(tree, 'joe'), inIndex(tree, 'postmaster')], [false, true]);
      for (const [file, mode] of [
        ['vpasswd', 0o600],
        ['vpasswd.cdb', 0o600],
        ['.vpasswd.lock', 0o600],
      ] as const)
        assert.equal(fs.statSync(tree.path(file)).mode & 0o777, mode, file);
    }));

  it('take the mode that is asked for', () =>
    withDomain(sampleVpasswd, async (tree) => {
      await changeAccounts(tree.place, (text) => text, { mode: 0o644 });
      assert.equal(fs.statSync(tree.path('vpasswd')).mode & 0o777, 0o644);
      assert.equal(fs.statSync(tree.path('vpasswd.cdb')).mode & 0o777, 0o600);
    }));

  it('stay without their index when that is asked for', () =>
    withDomain(sampleVpasswd, async (tree) => {
      await rebuildIndex(tree.place);
      await changeAccounts(tree.place, (text) => removeRecord(text, 'joe'), { index: false });
      assert.equal(tree.read('vpasswd'), withoutJoe);
      assert.equal(inIndex(tree, 'joe'), true);
    }));

  it('stay as they are when the change gives nothing back, or throws', () =>
    withDomain(sampleVpasswd, async (tree) => {
      await changeAccounts(tree.place, () => undefined);
      const refuse = (): never => {
        throw new Error('refused');
      };
      await assert.rejects(changeAccounts(tree.place, refuse), /refused/);
      assert.deepEqual(tree.names(), ['vpasswd']);
      assert.equal(tree.read('vpasswd'), sampleVpasswd);
      const lock = await takeLock(tree.path('.vpasswd.lock'), { kind: 'fcntl', timeoutMs: 0 });
      lock.release();
    }));

  it('stay as they are when the new index cannot be written', () =>
    withDomain(sampleVpasswd, async (tree) => {
      fs.mkdirSync(tree.path('cdb.tmp'));
      await assert.rejects(
        changeAccounts(tree.place, (text) => removeRecord(text, 'joe')),
        TemporaryError,
      );
      assert.equal(tree.read('vpasswd'), sampleVpasswd);
      assert.deepEqual(tree.names(), ['cdb.tmp', 'vpasswd']);
    }));

  it('are read when the lock is held, so that no change is lost', () =>
    withDomain('', async (tree) => {
      const names = Array.from({ length: 20 }, (_, number) => `user${number}`);
      const add = (name: string): Promise<void> =>
        changeAccounts(tree.place, ({ lines }) => ({ lines: [...lines, { text: `${name}:h:1:0:::`, end: '\n' }] }));
      await Promise.all(names.map(add));
      assert.deepEqual(
        accountsOf(tree.place)
          .map(({ name }) => name)
          .sort(),
        [...names].sort(),
      );
      assert.ok(names.every((name) => inIndex(tree, name)));
    }));

  it('wait for the lock without holding up others', () =>
    withDomain(sampleVpasswd, async (tree) => {
      const lock = await takeLock(tree.path('.vpasswd.lock'), { kind: 'fcntl' });
      const change = changeAccounts(tree.place, (text) => removeRecord(text, 'joe'));
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(tree.read('vpasswd'), sampleVpasswd);
      lock.release();
      await change;
      assert.equal(tree.read('vpasswd'), withoutJoe);
    }));

  it('lose what a killed writer left beside them', () =>
    withDomain(sampleVpasswd, async (tree) => {
      tree.write('vpasswd.bak.4711', 'joe:half a li');
      tree.write('cdb.tmp', 'half');
      tree.write('vpasswd.bak.old', 'an administrator');
      await changeAccounts(tree.place, (text) => text);
      assert.deepEqual(tree.names(), ['vpasswd', 'vpasswd.bak.old', 'vpasswd.cdb']);
    }));

  const texts: readonly (readonly [string, string | undefined, string])[] = [
    ['a missing vpasswd is an empty one', undefined, ''],
    ['a last line without its LF gets one', 'joe:h:1:0:::', 'joe:h:1:0:::\n'],
    ['DOS line ends stay', 'joe:h:1:0:::q:c\r\n', 'joe:h:1:0:::q:c\r\n'],
  ];
  for (const [why, before, after] of texts) {
    it(why, () =>
      withDomain(before, async (tree) => {
        await changeAccounts(tree.place, (text) => text);
        assert.equal(tree.read('vpasswd'), after);
      }),
    );
  }

  it('are those of the index when vpasswd is gone', () =>
    withDomain(sampleVpasswd, async (tree) => {
      await rebuildIndex(tree.place);
      fs.rmSync(tree.path('vpasswd'));
      await withAccounts(tree.place, (accounts) => assert.ok(findRecord(accounts.text, 'joe')));
      await changeAccounts(tree.place, (text) => text);
      assert.equal(tree.read('vpasswd'), sampleVpasswd.replace('# kept\n', ''));
    }));

  it('are in trouble when vpasswd is gone and the index is none', () =>
    withDomain(undefined, async (tree) => {
      tree.write('vpasswd.cdb', Buffer.alloc(2048));
      await assert.rejects(
        changeAccounts(tree.place, (text) => text),
        CorruptFileError,
      );
      assert.deepEqual(tree.names(), ['vpasswd.cdb']);
    }));

  it('have their index mended only when it is not what they say', () =>
    withDomain(sampleVpasswd, async (tree) => {
      tree.write('vpasswd.cdb', makeCdb([{ key: 'ann', data: 'h:1:0:::' }]));
      await withAccounts(tree.place, (accounts) => accounts.mendIndex());
      assert.deepEqual([inIndex(tree, 'ann'), inIndex(tree, 'joe')], [false, true]);
      const { ino } = fs.statSync(tree.path('vpasswd.cdb'));
      await withAccounts(tree.place, (accounts) => accounts.mendIndex());
      assert.equal(fs.statSync(tree.path('vpasswd.cdb')).ino, ino);
    }));

  it('have a last line ended by vmkpasswd, which is then in the index', () =>
    withDomain(sampleVpasswd.slice(0, -1), async (tree) => {
      await assert.rejects(rebuildIndex(tree.place), CorruptFileError);
      await rebuildIndex(tree.place, { endLastLine: true });
      assert.equal(tree.read('vpasswd'), sampleVpasswd);
      assert.equal(inIndex(tree, 'postmaster'), true);
    }));
});

describe('the list of a domain', () => {
  it('has the accounts in file order, and tells what is none', () =>
    withDomain(`zoe:h:1:0:::\n# c\n\nshort:h\nann:h:1:0:::q:c:d`, async (tree) => {
      const broken: number[] = [];
      const listed = accountsOf(tree.place, (line) => broken.push(line));
      assert.deepEqual(
        listed.map(({ name, clearPasswd }) => [name, clearPasswd]),
        [
          ['zoe', ''],
          ['ann', 'c:d'],
        ],
      );
      assert.deepEqual(broken, [2, 3, 4]);
    }));

  it('is empty without a vpasswd, and trouble when it cannot be read', () =>
    withDomain(undefined, async (tree) => {
      assert.deepEqual(accountsOf(tree.place), []);
      fs.mkdirSync(tree.path('vpasswd'));
      assert.throws(() => accountsOf(tree.place), TemporaryError);
    }));
});
