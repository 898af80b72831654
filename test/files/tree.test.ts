import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { giveTree, removeTree } from '../../src/files/tree.js';
import { newRoot, removeRoot } from '../support/recording.js';

const isRoot = process.getuid?.() === 0;

async function withTree(work: (root: string) => Promise<void>): Promise<void> {
  const root = newRoot();
  try {
    fs.mkdirSync(path.join(root, 'user/Maildir/cur'), { recursive: true });
    fs.mkdirSync(path.join(root, 'outside'));
    fs.writeFileSync(path.join(root, 'outside/kept'), 'kept');
    fs.writeFileSync(path.join(root, 'user/Maildir/cur/1'), 'mail');
    fs.writeFileSync(Buffer.from(path.join(root, 'user/n\xe9'), 'latin1'), 'a name that is no UTF-8');
    fs.symlinkSync('../outside', path.join(root, 'user/link'));
    fs.symlinkSync('nowhere', path.join(root, 'user/dangling'));
    await work(root);
  } finally {
    removeRoot(root);
  }
}

describe('a tree', () => {
  it('is removed, and what its links point at is not', () =>
    withTree(async (root) => {
      await removeTree(path.join(root, 'user'));
      assert.deepEqual(fs.readdirSync(root), ['outside']);
      assert.deepEqual(fs.readdirSync(path.join(root, 'outside')), ['kept']);
    }));

  it('that is a link is removed as a link', () =>
    withTree(async (root) => {
      await removeTree(path.join(root, 'user/link'));
      assert.equal(fs.readFileSync(path.join(root, 'outside/kept'), 'utf8'), 'kept');
      assert.equal(fs.existsSync(path.join(root, 'user/link')), false);
    }));

  it('that is not there is an error', () =>
    withTree((root) => assert.rejects(removeTree(path.join(root, 'nobody')), { code: 'ENOENT' })));

  it('is given to an owner: links themselves, and no file that has another name elsewhere', { skip: !isRoot }, () =>
    withTree(async (root) => {
      fs.linkSync(path.join(root, 'outside/kept'), path.join(root, 'user/hard'));
      await giveTree(path.join(root, 'user'), 7001, 7002);
      const owner = (name: string): number[] => {
        const { uid, gid } = fs.lstatSync(path.join(root, name));
        return [uid, gid];
      };
      for (const name of ['user', 'user/Maildir', 'user/Maildir/cur/1', 'user/link']) {
        assert.deepEqual(owner(name), [7001, 7002], name);
      }
      for (const name of ['outside', 'outside/kept', 'user/hard']) assert.deepEqual(owner(name), [0, 0], name);
    }),
  );
});
