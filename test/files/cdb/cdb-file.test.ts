import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { withCdb } from '../../../src/files/cdb/cdb-file.js';
import { withFolder } from '../folder.js';

describe('a file that is read by position', () => {
  it('is absent without being an error', () =>
    withFolder((folder) => {
      assert.equal(
        withCdb(path.join(folder, 'cdb'), () => 1),
        undefined,
      );
    }));

  it('tells an absent file from an answer of undefined', () =>
    withFolder((folder) => {
      fs.writeFileSync(path.join(folder, 'cdb'), '');
      assert.deepEqual(
        withCdb(path.join(folder, 'cdb'), () => undefined),
        { value: undefined },
      );
    }));

  it('gives the bytes asked for, fewer only at the end', () =>
    withFolder((folder) => {
      fs.writeFileSync(path.join(folder, 'cdb'), '0123456789');
      const found = withCdb(path.join(folder, 'cdb'), (source) => [
        source.size,
        source.read(2, 3).toString(),
        source.read(8, 5).toString(),
        source.read(20, 5).toString(),
      ]);
      assert.deepEqual(found?.value, [10, '234', '89', '']);
    }));

  it('stays the old version for a look-up under which it is replaced', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'cdb');
      fs.writeFileSync(file, 'old');
      const found = withCdb(file, (source) => {
        fs.writeFileSync(`${file}.tmp`, 'new');
        fs.renameSync(`${file}.tmp`, file);
        return source.read(0, 3).toString();
      });
      assert.equal(found?.value, 'old');
      assert.equal(withCdb(file, (source) => source.read(0, 3).toString())?.value, 'new');
    }));

  it('is looked at again when it was rewritten in place meanwhile, also when it seemed corrupt', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'cdb');
      fs.writeFileSync(file, 'ol');
      let looks = 0;
      const found = withCdb(file, (source) => {
        if (++looks === 1) {
          fs.writeFileSync(file, 'new!');
          throw new CorruptFileError(file, 0, 'half of it');
        }
        return source.read(0, 4).toString();
      });
      assert.deepEqual([found?.value, looks], ['new!', 2]);
    }));

  it('that never stands still is a temporary failure', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'cdb');
      fs.writeFileSync(file, '');
      const grow = (): void => fs.appendFileSync(file, 'x');
      assert.throws(() => withCdb(file, grow), TemporaryError);
    }));

  it('that is a directory is a temporary failure; an error of the look-up itself comes through', () =>
    withFolder((folder) => {
      assert.throws(() => withCdb(folder, () => 1), TemporaryError);
      fs.writeFileSync(path.join(folder, 'cdb'), '');
      const broken = new CorruptFileError('x', 0, 'y');
      assert.throws(
        () =>
          withCdb(path.join(folder, 'cdb'), () => {
            throw broken;
          }),
        broken,
      );
    }));

  it('leaves no descriptor open', () =>
    withFolder((folder) => {
      const file = path.join(folder, 'cdb');
      fs.writeFileSync(file, 'x');
      const open = (): number => fs.readdirSync('/proc/self/fd').length;
      const before = open();
      for (let i = 0; i < 20; i++) {
        withCdb(file, () => 1);
        assert.throws(() =>
          withCdb(file, () => {
            throw new Error('x');
          }),
        );
      }
      assert.equal(open(), before);
    }));
});
