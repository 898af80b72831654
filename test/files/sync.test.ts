import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { DirectorySync, syncDirectory } from '../../src/files/sync.js';
import { withFolder } from './folder.js';

/** A directory sync whose fsync calls are counted and ended by the test. */
function controlled(): { sync: DirectorySync; started: string[]; end: (error?: Error) => Promise<void> } {
  const started: string[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const sync = new DirectorySync((directory) => {
    started.push(directory);
    return new Promise((resolve, reject) => waiting.push((error) => (error === undefined ? resolve() : reject(error))));
  });
  const end = async (error?: Error): Promise<void> => {
    waiting.shift()?.(error);
    await new Promise(setImmediate);
  };
  return { sync, started, end };
}

describe('syncing a directory', () => {
  it('is done for real, and fails as a temporary failure where there is none', () =>
    withFolder(async (folder) => {
      await syncDirectory(folder);
      await assert.rejects(syncDirectory(path.join(folder, 'no')), TemporaryError);
      fs.writeFileSync(path.join(folder, 'file'), '');
      await assert.rejects(syncDirectory(path.join(folder, 'file')), TemporaryError);
    }));

  it('lets all who come while one runs share the next one, never the running one', async () => {
    const { sync, started, end } = controlled();
    const ended: string[] = [];
    const call = (name: string): Promise<void> => sync.sync('new').then(() => void ended.push(name));
    const calls = [call('a'), call('b'), call('c')];
    assert.equal(started.length, 1);
    await end();
    assert.deepEqual([ended, started.length], [['a'], 2], 'b and c wait for one that began after they came');
    calls.push(call('d'));
    await end();
    assert.deepEqual([ended, started.length], [['a', 'b', 'c'], 3]);
    await end();
    await Promise.all(calls);
    assert.equal(started.length, 3);
  });

  it('of different directories runs side by side', () => {
    const { sync, started } = controlled();
    void sync.sync('new');
    void sync.sync('cur');
    assert.deepEqual(started, ['new', 'cur']);
  });

  it('that fails concerns those who waited for it, not the next', async () => {
    const { sync, end } = controlled();
    const first = sync.sync('new');
    const second = sync.sync('new');
    const failed = assert.rejects(first, /broken disk/);
    await end(new Error('broken disk'));
    await failed;
    await end();
    await second;
  });
});
