import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { CorruptFileError, TemporaryError } from '../../src/errors.js';
import { isRacy, racyMs } from '../../src/files/identity.js';
import { Snapshot, Snapshots } from '../../src/files/snapshot.js';
import { until, withFolder } from './folder.js';

const text = (bytes: Buffer): string => bytes.toString('latin1');

/** Puts a file's last change far enough back for a snapshot to trust it. */
async function settle(file: string): Promise<void> {
  await until(() => !isRacy({ ...fs.statSync(file, { bigint: true }) }, Date.now()));
}

/** What a file says that another process writes in place without a pause; undefined when it did not stand still for long enough to be read. */
function lookAt(snapshot: Snapshot<string>): string | undefined {
  try {
    return snapshot.get() ?? '';
  } catch (error) {
    if (error instanceof TemporaryError) return undefined;
    throw error;
  }
}

describe('a snapshot of a file', () => {
  it('sees a file appear, change by rename, change in place and disappear, each at the very next look', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'rcpthosts');
      const snapshot = new Snapshot(file, text);
      assert.equal(snapshot.get(), undefined);
      fs.writeFileSync(file, 'one');
      assert.equal(snapshot.get(), 'one');
      fs.writeFileSync(`${file}.1`, 'two');
      fs.renameSync(`${file}.1`, file);
      assert.equal(snapshot.get(), 'two');
      fs.writeFileSync(file, 'six');
      assert.equal(snapshot.get(), 'six', 'same inode and size, written in the same instant');
      fs.rmSync(file);
      assert.equal(snapshot.get(), undefined);
      fs.writeFileSync(file, 'ten');
      assert.equal(snapshot.get(), 'ten');
    }));

  it('parses a version once', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'me');
      fs.writeFileSync(file, 'mail.example.jp');
      await settle(file);
      let parsed = 0;
      const snapshot = new Snapshot(file, () => ++parsed);
      assert.deepEqual([snapshot.get(), snapshot.get(), snapshot.get()], [1, 1, 1]);
      fs.utimesSync(file, 0, 0);
      await settle(file);
      assert.equal(snapshot.get(), 2, 'a touched file is another version');
    }));

  it('reads a version again while it is younger than the clock can tell, and a same-sized write in that time is seen', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'locals');
      let parsed = 0;
      const snapshot = new Snapshot(file, (bytes) => {
        parsed++;
        return text(bytes);
      });
      for (let round = 0; round < 200; round++) {
        const content = String(round).padStart(4);
        fs.writeFileSync(file, content);
        assert.equal(snapshot.get(), content);
      }
      await settle(file);
      snapshot.get();
      const before = parsed;
      snapshot.get();
      assert.equal(parsed, before, 'a settled version is kept');
    }));

  it('sees a change whose mtime was set back', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'locals');
      fs.writeFileSync(file, 'aaaa');
      fs.utimesSync(file, 1_000_000_000, 1_000_000_000);
      await settle(file);
      const snapshot = new Snapshot(file, text);
      assert.equal(snapshot.get(), 'aaaa');
      fs.writeFileSync(file, 'bbbb');
      fs.utimesSync(file, 1_000_000_000, 1_000_000_000);
      assert.equal(snapshot.get(), 'bbbb');
    }));

  it('throws for a refused version each time, keeps nothing of the one before, and recovers', () =>
    withFolder(async (folder) => {
      const file = path.join(folder, 'assign');
      const snapshot = new Snapshot(file, (bytes) => {
        if (bytes.includes('bad')) throw new CorruptFileError(file, 0, 'bad');
        return text(bytes);
      });
      fs.writeFileSync(file, 'good');
      assert.equal(snapshot.get(), 'good');
      fs.writeFileSync(file, 'bad');
      assert.throws(() => snapshot.get(), CorruptFileError);
      assert.throws(() => snapshot.get(), CorruptFileError);
      assert.equal(snapshot.keptBytes, 0);
      fs.writeFileSync(file, 'fine');
      assert.equal(snapshot.get(), 'fine');
    }));

  const unreadable: [string, (file: string) => void][] = [
    ['a directory stands in its place', (file) => fs.mkdirSync(file)],
    ['a link that leads to itself', (file) => fs.symlinkSync(path.basename(file), file)],
    ['a file stands where its directory should be', (file) => fs.writeFileSync(path.dirname(file), '')],
  ];
  for (const [what, make] of unreadable) {
    it(`is a temporary failure, not absence, when ${what}`, () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'control/rcpthosts');
        if (!what.includes('where')) fs.mkdirSync(path.dirname(file));
        make(file);
        assert.throws(() => new Snapshot(file, text).get(), TemporaryError);
      }));
  }

  it('does not wait for a writer when a FIFO stands in its place', () =>
    withFolder(async (folder) => {
      const { execFileSync } = await import('node:child_process');
      const file = path.join(folder, 'me');
      execFileSync('mkfifo', [file]);
      assert.throws(() => new Snapshot(file, text).get(), TemporaryError);
    }));

  it('finds a file whose name has bytes above 127', () =>
    withFolder(async (folder) => {
      fs.writeFileSync(Buffer.from(path.join(folder, '.qmail-\xe9'), 'latin1'), 'x');
      assert.equal(new Snapshot(path.join(folder, '.qmail-\xe9'), text).get(), 'x');
    }));

  for (const manner of ['rename', 'in-place'] as const) {
    it(`gives whole versions while another process replaces the file (${manner})`, () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'virtualdomains');
        const writer = fork(new URL('./busy-writer.js', import.meta.url), [file, manner], {
          execArgv: process.execArgv,
        });
        try {
          await new Promise((resolve) => writer.once('message', resolve));
          const snapshot = new Snapshot(file, text);
          const seen = new Set<string>();
          for (let look = 0; look < 2000 || seen.size < 2; look++) {
            // On a busy machine the writer has to be let run.
            if (look % 100 === 99) await pause(1);
            const content = lookAt(snapshot);
            if (content === undefined) {
              assert.equal(manner, 'in-place');
              continue;
            }
            // Written in place, a file is empty or short in between; then it is one of its versions. A mixture never is.
            assert.match(content, /^(.)\1*$|^$/s);
            if (manner === 'rename')
              assert.ok(content.length === 40_000 || content.length === 200_000, `${content.length}`);
            seen.add(content.slice(0, 1));
          }
        } finally {
          writer.kill('SIGKILL');
        }
      }));
  }
});

describe('snapshots of many files', () => {
  it('keep no more files and bytes than allowed, the least recently used go first', () =>
    withFolder(async (folder) => {
      const parsed: string[] = [];
      const snapshots = new Snapshots(
        (bytes, file) => {
          parsed.push(path.basename(file));
          return text(bytes);
        },
        { files: 2, bytes: 100 },
      );
      const file = (name: string): string => path.join(folder, name);
      for (const name of ['a', 'b', 'c']) fs.writeFileSync(file(name), name);
      fs.writeFileSync(file('big'), 'x'.repeat(101));
      await settle(file('big'));
      for (const name of ['a', 'b', 'a', 'c', 'a']) assert.equal(snapshots.get(file(name)), name);
      assert.deepEqual(parsed, ['a', 'b', 'c']);
      assert.equal(snapshots.get(file('b')), 'b');
      assert.deepEqual(parsed, ['a', 'b', 'c', 'b'], 'b had to go for c');
      assert.equal(snapshots.get(file('big'))?.length, 101);
      snapshots.get(file('big'));
      assert.deepEqual(parsed.slice(4), ['big', 'big'], 'more than all may take is not kept');
    }));

  it('are not pushed out by questions for absent files', () =>
    withFolder(async (folder) => {
      let parsed = 0;
      const snapshots = new Snapshots(() => ++parsed, { files: 2, bytes: 100 });
      fs.writeFileSync(path.join(folder, 'a'), '');
      await settle(path.join(folder, 'a'));
      snapshots.get(path.join(folder, 'a'));
      for (let i = 0; i < 10; i++) assert.equal(snapshots.get(path.join(folder, `no-${i}`)), undefined);
      assert.equal(snapshots.get(path.join(folder, 'a')), 1);
    }));

  it('forget a file that throws and see it again when it is whole', () =>
    withFolder(async (folder) => {
      const snapshots = new Snapshots((bytes) => {
        if (bytes.length === 0) throw new CorruptFileError('x', 0, 'empty');
        return text(bytes);
      });
      const file = path.join(folder, 'a');
      fs.writeFileSync(file, '');
      assert.throws(() => snapshots.get(file), CorruptFileError);
      fs.writeFileSync(file, 'x');
      assert.equal(snapshots.get(file), 'x');
    }));
});

it('a version is racy up to 20 ms after its change, and as long as its change lies in the future', () => {
  const changedAt = 1_800_000_000_000n;
  const identity = { dev: 1n, ino: 1n, size: 1n, mtimeNs: 0n, ctimeNs: changedAt * 1_000_000n };
  assert.ok(isRacy(identity, Number(changedAt)));
  assert.ok(isRacy(identity, Number(changedAt) + racyMs - 1));
  assert.ok(!isRacy(identity, Number(changedAt) + racyMs));
  assert.ok(isRacy(identity, Number(changedAt) - 1000));
});
