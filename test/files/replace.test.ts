import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { prepareReplacement, replaceFile } from '../../src/files/replace.js';
import { needsRoot } from '../support/needs.js';
import { withFolder } from './folder.js';

const options = { mode: 0o600, temporaryName: 'cdb.tmp' };

describe('replacing a file', () => {
  it('puts the new one in its place under another inode, with its mode, and leaves nothing beside it', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'vpasswd.cdb');
      fs.writeFileSync(file, 'old', { mode: 0o644 });
      const before = fs.statSync(file).ino;
      await replaceFile(file, Buffer.from('new'), options);
      assert.equal(fs.readFileSync(file, 'utf8'), 'new');
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      assert.notEqual(fs.statSync(file).ino, before);
      assert.deepEqual(fs.readdirSync(folder), ['vpasswd.cdb']);
    }));

  it('writes all of a large one', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'vpasswd');
      const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, index) => index % 251));
      await replaceFile(file, bytes, options);
      assert.ok(fs.readFileSync(file).equals(bytes));
    }));

  it('makes one that was not there', () =>
    withFolder(async (folder) => {
      await replaceFile(path.join(folder, 'cdb'), Buffer.from('new'), { ...options, mode: 0o644 });
      assert.equal(fs.statSync(path.join(folder, 'cdb')).mode & 0o777, 0o644);
    }));

  it('takes over a temporary file that a crashed writer left, whatever its mode and length', () =>
    withFolder(async (folder) => {
      fs.writeFileSync(path.join(folder, 'cdb.tmp'), 'left behind, longer', { mode: 0o666 });
      await replaceFile(path.join(folder, 'cdb'), Buffer.from('new'), options);
      assert.equal(fs.readFileSync(path.join(folder, 'cdb'), 'utf8'), 'new');
      assert.equal(fs.statSync(path.join(folder, 'cdb')).mode & 0o777, 0o600);
    }));

  it('does not follow a link in place of the temporary file', () =>
    withFolder(async (folder) => {
      fs.writeFileSync(path.join(folder, 'precious'), 'precious');
      fs.symlinkSync('precious', path.join(folder, 'cdb.tmp'));
      await assert.rejects(replaceFile(path.join(folder, 'cdb'), Buffer.from('new'), options), TemporaryError);
      assert.equal(fs.readFileSync(path.join(folder, 'precious'), 'utf8'), 'precious');
    }));

  it('keeps the old file when the new one cannot be written or renamed, and removes the temporary one', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'cdb');
      fs.mkdirSync(file);
      await assert.rejects(replaceFile(file, Buffer.from('new'), options), TemporaryError);
      assert.deepEqual(fs.readdirSync(folder), ['cdb']);
      await assert.rejects(replaceFile(path.join(folder, 'no/cdb'), Buffer.from('new'), options), TemporaryError);
    }));

  it('can be prepared first and done later, or given up', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'cdb');
      fs.writeFileSync(file, 'old');
      const first = await prepareReplacement(file, Buffer.from('one'), options);
      assert.equal(fs.readFileSync(file, 'utf8'), 'old');
      await first.commit();
      assert.equal(fs.readFileSync(file, 'utf8'), 'one');
      const second = await prepareReplacement(file, Buffer.from('two'), options);
      await second.abandon();
      assert.equal(fs.readFileSync(file, 'utf8'), 'one');
      assert.deepEqual(fs.readdirSync(folder), ['cdb']);
    }));

  it('gives it to its owner before it can be seen under its name', (t) => {
    if (!needsRoot(t)) return;
    return withFolder(async (folder) => {
      const replacement = await prepareReplacement(path.join(folder, 'cdb'), Buffer.from('x'), {
        ...options,
        uid: 7001,
        gid: 7002,
      });
      const { uid, gid } = fs.statSync(path.join(folder, 'cdb.tmp'));
      assert.deepEqual([uid, gid], [7001, 7002]);
      await replacement.commit();
    });
  });

  it('answers a full disk with 4.3.1 and leaves the old file', async (t) => {
    if (!needsRoot(t)) return;
    const { execFileSync } = await import('node:child_process');
    await withFolder(async (folder) => {
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder], { stdio: 'ignore' });
      } catch {
        if (process.env.CI) throw new Error('needs the right to mount a tmpfs, and in CI nothing is skipped');
        t.skip('skipped: needs the right to mount');
        return;
      }
      try {
        const file = path.join(folder, 'vpasswd');
        fs.writeFileSync(file, 'old');
        const failure = replaceFile(file, Buffer.alloc(200_000), { mode: 0o600, temporaryName: 'vpasswd.bak.1' });
        await assert.rejects(failure, { status: '4.3.1' });
        assert.equal(fs.readFileSync(file, 'utf8'), 'old');
        assert.deepEqual(fs.readdirSync(folder), ['vpasswd']);
      } finally {
        execFileSync('umount', [folder]);
      }
    });
  });
});
