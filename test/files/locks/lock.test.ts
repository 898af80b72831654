import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../../src/errors.js';
import { type LockKind, takeLock, tryLock, withLock } from '../../../src/files/locks/lock.js';
import { needs, needsRoot } from '../../support/needs.js';
import { withFolder } from '../folder.js';

// What vpopmail does is fcntl F_SETLK, what qmail does is flock; Python's lockf and flock are these calls.
const script = `
import fcntl, os, sys
kind, path = sys.argv[1:3]
fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
call = fcntl.lockf if kind == 'fcntl' else fcntl.flock
try:
    call(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print('locked', flush=True)
except OSError:
    print('busy', flush=True)
    sys.exit()
sys.stdin.readline()
`;

interface OtherProcess {
  readonly says: string;
  end(): Promise<void>;
}

/** Another process that tries to take the lock and keeps it until `end`. */
async function otherProcess(kind: LockKind, file: string): Promise<OtherProcess> {
  const child: ChildProcess = spawn('python3', ['-c', script, kind, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [says] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  const end = async (): Promise<void> => {
    child.stdin?.on('error', () => {}).end('\n');
    await exited;
  };
  return { says: says.toString().trim(), end };
}

const kinds: [LockKind, string][] = [
  ['fcntl', 'vpopmail'],
  ['flock', 'qmail'],
];

for (const [kind, who] of kinds) {
  describe(`a lock as ${who} takes it (${kind})`, () => {
    it('keeps another process out until it is released', (t) => {
      if (!needs(t, 'python3')) return;
      return withFolder(async (folder) => {
        const file = path.join(folder, 'assign.lock');
        const lock = await takeLock(file, { kind });
        const refused = await otherProcess(kind, file);
        assert.equal(refused.says, 'busy');
        await refused.end();
        lock.release();
        lock.release();
        const next = await otherProcess(kind, file);
        assert.equal(next.says, 'locked');
        await next.end();
      });
    });

    it('waits for another process, and the event loop goes on meanwhile', (t) => {
      if (!needs(t, 'python3')) return;
      return withFolder(async (folder) => {
        const file = path.join(folder, 'assign.lock');
        const other = await otherProcess(kind, file);
        assert.equal(other.says, 'locked');
        assert.equal(tryLock(file, { kind }), undefined);
        let order = '';
        const waiting = withLock(file, { kind }, () => {
          order += ' ours';
        });
        await new Promise((resolve) => setTimeout(resolve, 30));
        order += 'theirs';
        await other.end();
        await waiting;
        assert.equal(order, 'theirs ours');
      });
    });

    it('is had when its holder is killed', (t) => {
      if (!needs(t, 'python3')) return;
      return withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        const child = spawn('python3', ['-c', script, kind, file], { stdio: ['pipe', 'pipe', 'inherit'] });
        await once(child.stdout, 'data');
        child.kill('SIGKILL');
        const lock = await takeLock(file, { kind });
        lock.release();
      });
    });

    it('is not lost when this process opens and closes the lock file elsewhere', (t) => {
      if (!needs(t, 'python3')) return;
      return withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        const lock = await takeLock(file, { kind });
        fs.closeSync(fs.openSync(file, 'r'));
        const other = await otherProcess(kind, file);
        assert.equal(other.says, 'busy');
        await other.end();
        lock.release();
      });
    });

    it('excludes two holders within this process, in turn', () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        let holders = 0;
        let most = 0;
        const work = (): Promise<void> =>
          withLock(file, { kind }, async () => {
            most = Math.max(most, ++holders);
            await new Promise((resolve) => setTimeout(resolve, 3));
            holders--;
          });
        await Promise.all([work(), work(), work(), work()]);
        assert.equal(most, 1);
      }));

    it('is released when the work under it fails', () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        await assert.rejects(
          withLock(file, { kind }, () => {
            throw new Error('no');
          }),
          /no/,
        );
        tryLock(file, { kind })?.release();
        const again = tryLock(file, { kind });
        assert.ok(again);
        again.release();
      }));

    it('that stays taken is a temporary failure with the words of vpopmail', () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        const lock = await takeLock(file, { kind });
        const late = takeLock(file, { kind, timeoutMs: 30 });
        await assert.rejects(late, { name: 'Error', message: 'File busy try again later!', status: '4.3.0' });
        lock.release();
      }));

    it('is taken on the file that has the name, not on one that was removed meanwhile', () =>
      withFolder(async (folder) => {
        const file = path.join(folder, 'x.lock');
        const old = await takeLock(file, { kind });
        fs.rmSync(file);
        const lock = tryLock(file, { kind });
        assert.ok(lock, 'a new file is another lock');
        assert.equal(tryLock(file, { kind }), undefined);
        lock.release();
        old.release();
      }));
  });
}

it('the lock file is made with mode 0600 and stays', () =>
  withFolder(async (folder) => {
    const file = path.join(folder, '.vpasswd.lock');
    (await takeLock(file, { kind: 'fcntl' })).release();
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }));

it('a new lock file is given to the owner named, one that was there keeps its own', (t) => {
  if (!needsRoot(t)) return;
  return withFolder(async (folder) => {
    const file = path.join(folder, '.vpasswd.lock');
    (await takeLock(file, { kind: 'fcntl', uid: 7001, gid: 7002 })).release();
    assert.deepEqual([fs.statSync(file).uid, fs.statSync(file).gid], [7001, 7002]);
    (await takeLock(file, { kind: 'fcntl', uid: 1, gid: 1 })).release();
    assert.equal(fs.statSync(file).uid, 7001);
  });
});

it('a lock file that cannot be opened is a temporary failure, also when it is only to be looked for', () =>
  withFolder(async (folder) => {
    assert.throws(() => tryLock(path.join(folder, 'no/x.lock'), { kind: 'fcntl' }), TemporaryError);
    assert.throws(() => tryLock(path.join(folder, 'sendmutex'), { kind: 'flock', create: false }), TemporaryError);
    assert.equal(fs.existsSync(path.join(folder, 'sendmutex')), false);
  }));

it('flock and fcntl locks do not see each other, which is why each file has its kind', () =>
  withFolder(async (folder) => {
    const file = path.join(folder, 'x');
    const one = tryLock(file, { kind: 'flock' });
    const two = tryLock(file, { kind: 'fcntl' });
    assert.ok(one && two);
    one.release();
    two.release();
  }));

it('no descriptor is left open by attempts in vain', () =>
  withFolder(async (folder) => {
    const file = path.join(folder, 'x');
    const lock = await takeLock(file, { kind: 'fcntl' });
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 10; i++) assert.equal(tryLock(file, { kind: 'fcntl' }), undefined);
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
    lock.release();
  }));
