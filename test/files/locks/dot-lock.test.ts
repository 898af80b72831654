import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { TemporaryError } from '../../../src/errors.js';
import { takeDotLock } from '../../../src/files/locks/dot-lock.js';
import { needsRoot } from '../../support/needs.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const soon = { timeoutMs: 50, mode: 0o600, uid: 0, gid: 0 };

function list(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return path.join(root, 'dovecot-uidlist');
}

/** A lock that somebody made so many seconds ago. */
function foreignLock(file: string, text: string, ageSeconds: number): void {
  writeFileSync(`${file}.lock`, text);
  const then = Date.now() / 1000 - ageSeconds;
  utimesSync(`${file}.lock`, then, then);
}

const nobody = 4_000_000;

test('the lock names this process and host, and goes away when it is released', async (t) => {
  const file = list(t);
  const lock = await takeDotLock(file, soon);
  assert.ok(lock);
  assert.equal(readFileSync(`${file}.lock`, 'latin1'), `${process.pid}:${os.hostname()}`);
  assert.equal(await takeDotLock(file, soon), undefined, 'held: nobody else gets it');
  lock.release();
  assert.equal(existsSync(`${file}.lock`), false);
  lock.release();
});

test('a lock belongs to its owner from the start, and nothing else is left beside it', async (t) => {
  if (!needsRoot(t)) return;
  const file = list(t);
  const lock = await takeDotLock(file, { timeoutMs: 50, mode: 0o640, uid: 6020, gid: 6021 });
  const { uid, gid, mode } = statSync(`${file}.lock`);
  assert.deepEqual([uid, gid, mode & 0o777], [6020, 6021, 0o640]);
  assert.deepEqual(readdirSync(path.dirname(file)), ['dovecot-uidlist.lock']);
  lock?.release();
  assert.deepEqual(readdirSync(path.dirname(file)), []);
});

test('who waits gets the lock when it is released', async (t) => {
  const file = list(t);
  const lock = await takeDotLock(file, soon);
  const waiting = takeDotLock(file, { ...soon, timeoutMs: 20_000 });
  setTimeout(() => lock?.release(), 20);
  assert.ok(await waiting);
});

test('a lock that somebody else took over is not removed', async (t) => {
  const file = list(t);
  const lock = await takeDotLock(file, soon);
  rmSync(`${file}.lock`);
  foreignLock(file, 'another', 1);
  lock?.release();
  assert.equal(readFileSync(`${file}.lock`, 'latin1'), 'another');
});

test('a lock in a directory that is renamed is released there', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const [before, after] = [path.join(root, '.before'), path.join(root, '.after')];
  mkdirSync(before);
  const lock = await takeDotLock(path.join(before, 'dovecot-uidlist'), soon);
  renameSync(before, after);
  mkdirSync(before);
  const another = await takeDotLock(path.join(before, 'dovecot-uidlist'), soon);
  lock?.touch();
  lock?.release();
  assert.equal(existsSync(path.join(after, 'dovecot-uidlist.lock')), false);
  assert.equal(existsSync(path.join(before, 'dovecot-uidlist.lock')), true);
  another?.release();
});

const stale: readonly [text: string, ageSeconds: number, isTaken: boolean, why: string][] = [
  [`${nobody}:${os.hostname()}`, 10, true, 'its process is gone'],
  [`${nobody}:${os.hostname()}`, 0, false, 'its process is gone, but it is young'],
  [`${process.pid}:${os.hostname()}`, 100_000, false, 'its process lives, however old it is'],
  [`${nobody}:elsewhere.example`, 10, false, 'of another host'],
  ['', 5, false, 'its maker has not written yet'],
  ['', 11, true, 'its maker was killed before it could write'],
];

for (const [text, age, isTaken, why] of stale) {
  test(`a lock ${JSON.stringify(text.replace(os.hostname(), 'here'))}, ${age} s old, ${isTaken ? 'is overridden' : 'stands'}: ${why}`, async (t) => {
    const file = list(t);
    foreignLock(file, text, age);
    const lock = await takeDotLock(file, { ...soon, timeoutMs: isTaken ? 5000 : 50 });
    assert.equal(lock !== undefined, isTaken);
  });
}

test('where no lock can be made that is trouble, not a taken lock', async (t) => {
  const file = list(t);
  mkdirSync(file);
  await assert.rejects(takeDotLock(path.join(file, 'missing', 'list'), soon), TemporaryError);
});
