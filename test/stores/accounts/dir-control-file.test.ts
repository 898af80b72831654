import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../../src/errors.js';
import {
  enterDirectory,
  leaveDirectory,
  leaveUserDirectory,
  makeHashDirectory,
  planUserDirectories,
  readDirControl,
} from '../../../src/stores/accounts/dir-control-file.js';
import { withDomain } from './domain-tree.js';

const state = (count: number, directory = '', index = '0 0 0', mod = '0 2 2'): string =>
  `${count}\n0\n3\n0 0 0\n61 61 61\n${mod}\n${index}\n${directory}\n`;

describe('.dir-control', () => {
  it('begins anew where it is missing, and is written as vpopmail writes it', () =>
    withDomain(undefined, async (tree) => {
      assert.equal(await enterDirectory(tree.place), '');
      assert.equal(tree.read('.dir-control'), state(1, '', '0 0 0', '0 2 4'));
      assert.equal(await enterDirectory(tree.place), '');
      assert.equal(tree.read('.dir-control'), state(2));
      assert.equal(fs.statSync(tree.path('.dir-control')).mode & 0o777, 0o600);
      await leaveDirectory({ ...tree.place, mode: 0o644 });
      assert.equal(tree.read('.dir-control'), state(1));
      assert.equal(fs.statSync(tree.path('.dir-control')).mode & 0o777, 0o644);
      assert.deepEqual(tree.names(), ['.dir-control']);
    }));

  it('goes on at every hundredth', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir-control', state(99));
      assert.equal(await enterDirectory(tree.place), '0');
      tree.write('.dir-control', state(199, '0'));
      assert.equal(await enterDirectory(tree.place), '1');
      assert.equal(tree.read('.dir-control'), state(200, '1', '1 0 0'));
    }));

  it('is no place outside of the directory', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir-control', state(5, '../other'));
      assert.equal(readDirControl(tree.place).theDir, '');
    }));

  it('is trouble when it cannot be read', () =>
    withDomain(undefined, async (tree) => {
      fs.mkdirSync(tree.path('.dir-control'));
      assert.throws(() => readDirControl(tree.place), TemporaryError);
    }));
});

describe('the directories of new users', () => {
  it('are planned for many, and counted when that is done', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir-control', state(98));
      const plan = planUserDirectories(tree.place, 103);
      assert.deepEqual([plan.directories[0], plan.directories[1], plan.directories.at(-1)], ['', '0', '1']);
      assert.equal(tree.read('.dir-control'), state(98));
      await plan.commit();
      assert.equal(tree.read('.dir-control'), state(201, '1', '1 0 0'));
    }));

  it('are first those that deleted users left', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir-control', state(98));
      await leaveUserDirectory(tree.place, '');
      assert.deepEqual(tree.names(), ['.dir-control'], 'nothing to record of the domain itself');
      await leaveUserDirectory(tree.place, '0');
      await leaveUserDirectory(tree.place, 'A/b');
      assert.equal(tree.read('.dir_control_free'), '0\nA/b\n');
      assert.equal(fs.statSync(tree.path('.dir_control_free')).mode & 0o777, 0o600);
      tree.write('.dir-control', state(98));
      const plan = planUserDirectories(tree.place, 4);
      assert.deepEqual(plan.directories, ['0', 'A/b', '', '']);
      await plan.commit();
      assert.equal(tree.read('.dir_control_free'), '');
      assert.equal(tree.read('.dir-control'), state(102), 'a freed one makes no hundredth');
    }));

  it('do not count from zero when one is taken up again', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir_control_free', '1\n');
      await planUserDirectories(tree.place, 1).commit();
      assert.equal(readDirControl(tree.place).curUsers, 0n);
    }));

  it('are not taken from lines that lead elsewhere', () =>
    withDomain(undefined, async (tree) => {
      tree.write('.dir_control_free', '../x\n/etc\n# 2\n\n 3 # kept for us\n');
      assert.deepEqual(planUserDirectories(tree.place, 2).directories, ['3', '']);
    }));

  it('are made with all that is above them', () =>
    withDomain(undefined, async (tree) => {
      await makeHashDirectory(tree.place, 'A/b');
      await makeHashDirectory(tree.place, 'A/b');
      assert.equal(fs.statSync(tree.path('A/b')).mode & 0o777, 0o700);
    }));
});
