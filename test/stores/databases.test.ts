import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CorruptFileError } from '../../src/errors.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { Databases } from '../../src/stores/databases.js';
import { until, withFolder } from '../files/folder.js';

/** A cdb with `count` accounts besides `joe`. */
function cdb(joe: string, count = 0, dataBytes = 60): Buffer {
  const others = Array.from({ length: count }, (_, index) => ({ key: `u${index}`, data: 'x'.repeat(dataBytes) }));
  return makeCdb([{ key: 'joe', data: joe }, ...others]);
}

const bigEnough = 2000;

function ask(databases: Databases, file: string, key = 'joe'): string | undefined | 'absent' {
  const found = databases.lookUp(file, (find) => find(key)?.toString());
  return found === undefined ? 'absent' : found.value;
}

describe('look-ups in cdb files', () => {
  it('see every change at once, whether the file is small or big, asked for the first time or often', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'vpasswd.cdb');
      const databases = new Databases();
      const versions: [string, Buffer | null][] = [
        ['absent', null],
        ['small', cdb('small')],
        ['smaal', cdb('smaal')],
        ['big', cdb('big', bigEnough)],
        ['bag', cdb('bag', bigEnough)],
        ['small', cdb('small')],
        ['absent', null],
      ];
      for (const times of [1, 2, 5]) {
        for (const [expected, content] of versions) {
          if (content === null) fs.rmSync(file, { force: true });
          else {
            fs.writeFileSync(`${file}.tmp`, content);
            fs.renameSync(`${file}.tmp`, file);
          }
          for (let i = 0; i < times; i++) {
            assert.equal(ask(databases, file), expected);
            assert.equal(ask(databases, file, 'nobody'), expected === 'absent' ? 'absent' : undefined);
          }
          await until(() => Date.now() > fs.statSync(folder).ctimeMs + 25);
          assert.equal(ask(databases, file), expected);
        }
      }
    }));

  it('read a few hundred bytes of a big file, however big', (t) =>
    withFolder((folder) => {
      const file = path.join(folder, 'vpasswd.cdb');
      fs.writeFileSync(file, cdb('here', 100_000));
      const read = t.mock.method(fs, 'readSync');
      const databases = new Databases();
      for (let i = 0; i < 10; i++) {
        assert.equal(ask(databases, file), 'here');
        assert.equal(ask(databases, file, `u${i * 9999}`), 'x'.repeat(60));
        assert.equal(ask(databases, file, `nobody${i}`), undefined);
      }
      const bytes = read.mock.calls.reduce((sum, call) => sum + Number(call.result ?? 0), 0);
      assert.ok(bytes / 30 < 1000, `${bytes / 30} bytes for one look-up`);
    }));

  it('read a small file no more once it is asked often', (t) =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'users.cdb');
      fs.writeFileSync(file, cdb('here', 100));
      await until(() => Date.now() > fs.statSync(file).ctimeMs + 25);
      const databases = new Databases();
      ask(databases, file);
      ask(databases, file);
      const open = t.mock.method(fs, 'openSync');
      for (let i = 0; i < 10; i++) ask(databases, file, `u${i}`);
      assert.equal(open.mock.callCount(), 0);
    }));

  it('keep nothing of thousands of files that are each asked now and then', (t) =>
    withFolder(async (folder) => {
      const databases = new Databases();
      const files = Array.from({ length: 2000 }, (_, index) => path.join(folder, `${index}`));
      for (const file of files) fs.writeFileSync(file, cdb('here', 20));
      for (const file of files) ask(databases, file);
      const read = t.mock.method(fs, 'readSync');
      for (const file of files) ask(databases, file);
      const bytes = read.mock.calls.reduce((sum, call) => sum + Number(call.result ?? 0), 0);
      assert.ok(bytes / files.length < 1000, 'not read whole');
    }));

  it('of one question all see the same version', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'users.cdb');
      for (const count of [0, bigEnough]) {
        const databases = new Databases();
        fs.writeFileSync(file, cdb('old', count));
        const found = databases.lookUp(file, (find) => {
          const first = find('joe')?.toString();
          fs.writeFileSync(`${file}.tmp`, cdb('new', count));
          fs.renameSync(`${file}.tmp`, file);
          return [first, find('joe')?.toString()];
        });
        assert.deepEqual(found?.value, ['old', 'old']);
        assert.equal(ask(databases, file), 'new');
      }
    }));

  it('in a file whose header was never written fail, also for a key that would not be there', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'users.cdb');
      const databases = new Databases();
      for (const content of [Buffer.alloc(2048), Buffer.alloc(100_000), Buffer.alloc(3000, ' '), Buffer.alloc(0)]) {
        fs.writeFileSync(file, content);
        for (let i = 0; i < 3; i++) assert.throws(() => ask(databases, file, 'nobody'), CorruptFileError);
      }
      fs.writeFileSync(file, makeCdb([]));
      assert.equal(ask(databases, file, 'nobody'), undefined, 'an empty database is a database');
    }));
});
