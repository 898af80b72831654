import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { listDirectory, namesIn } from '../../src/files/list.js';
import { bytesPath, readIfPresent } from '../../src/files/read.js';
import { withFolder } from './folder.js';

describe('reading a small file', () => {
  it('tells absent, present and unreadable apart', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'me');
      assert.equal(readIfPresent(file), undefined);
      fs.writeFileSync(file, '');
      assert.equal(readIfPresent(file)?.length, 0);
      fs.writeFileSync(file, 'x'.repeat(100_000));
      assert.equal(readIfPresent(file)?.length, 100_000);
      assert.throws(() => readIfPresent(folder), TemporaryError);
      assert.throws(() => readIfPresent(path.join(file, 'below')), TemporaryError);
    }));

  it('keeps its path out of the text for strangers and in the cause for the log', () =>
    withFolder((folder) => {
      assert.throws(
        () => readIfPresent(folder),
        (error: Error) => !error.message.includes(folder) && String(error.cause).includes(folder),
      );
    }));
});

it('a Latin-1 path goes to the system byte by byte', () => {
  assert.equal(bytesPath('/home/a'), '/home/a');
  assert.deepEqual(bytesPath('/\xe9'), Buffer.from([0x2f, 0xe9]));
});

describe('listing a directory', () => {
  const names = (folder: string): string[] => [...namesIn(folder)].sort();

  it('gives names as Latin-1, of any number of entries', () =>
    withFolder(async (folder) => {
      fs.writeFileSync(Buffer.from(`${folder}/\xe9\xff`, 'latin1'), '');
      for (let i = 0; i < 600; i++) fs.writeFileSync(path.join(folder, `f${i}`), '');
      assert.equal(names(folder).length, 601);
      assert.equal(names(folder).at(-1), '\xe9\xff');
      assert.deepEqual((await listDirectory(folder))?.sort(), names(folder));
    }));

  it('tells absent, empty and unreadable apart', () =>
    withFolder(async (folder) => {
      assert.deepEqual(names(folder), []);
      assert.deepEqual(await listDirectory(folder), []);
      assert.deepEqual(names(path.join(folder, 'no')), []);
      assert.equal(await listDirectory(path.join(folder, 'no')), undefined);
      fs.writeFileSync(path.join(folder, 'file'), '');
      assert.throws(() => names(path.join(folder, 'file')), TemporaryError);
      await assert.rejects(listDirectory(path.join(folder, 'file')), TemporaryError);
    }));

  it('closes the directory when the walk ends early', () =>
    withFolder((folder) => {
      for (let i = 0; i < 600; i++) fs.writeFileSync(path.join(folder, `f${i}`), '');
      const before = fs.readdirSync('/proc/self/fd').length;
      for (const _ of namesIn(folder)) break;
      assert.equal(fs.readdirSync('/proc/self/fd').length, before);
    }));
});
