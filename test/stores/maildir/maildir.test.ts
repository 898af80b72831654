// Maildirs as places: whether mail can be put there, making them again, and what dead writers left.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { maildirProblem, makeAccountDirectory, removeStaleTemporaries } from '../../../src/stores/maildir/maildir.js';
import { mailOwner } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

function folder(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return root;
}

test('what is missing in a Maildir', (t) => {
  const maildir = path.join(folder(t), 'Maildir');
  assert.equal(maildirProblem(maildir), 'missing');
  fs.writeFileSync(maildir, '');
  assert.equal(maildirProblem(maildir), 'missing', 'a file');
  fs.rmSync(maildir);
  fs.mkdirSync(path.join(maildir, 'new'), { recursive: true });
  assert.equal(maildirProblem(maildir), 'broken', 'no tmp');
  fs.writeFileSync(path.join(maildir, 'tmp'), '');
  assert.equal(maildirProblem(maildir), 'broken', 'tmp is a file');
  fs.rmSync(path.join(maildir, 'tmp'));
  fs.mkdirSync(path.join(maildir, 'tmp'));
  assert.equal(maildirProblem(maildir), undefined, 'cur is for readers');
});

test('an account directory is made with all that is missing below the domain', async (t) => {
  const domain = path.join(folder(t), 'example.jp');
  fs.mkdirSync(domain);
  await makeAccountDirectory(path.join(domain, '3/a/joe'), domain, mailOwner);
  for (const made of [
    '3',
    '3/a',
    '3/a/joe',
    '3/a/joe/Maildir',
    '3/a/joe/Maildir/new',
    '3/a/joe/Maildir/cur',
    '3/a/joe/Maildir/tmp',
  ]) {
    const status = fs.statSync(path.join(domain, made));
    assert.deepEqual([status.mode & 0o7777, status.uid, status.gid], [0o700, mailOwner.uid, mailOwner.gid], made);
  }
  fs.writeFileSync(path.join(domain, '3/a/joe/Maildir/new/mail'), 'x');
  await makeAccountDirectory(path.join(domain, '3/a/joe'), domain, mailOwner);
  assert.deepEqual(fs.readdirSync(path.join(domain, '3/a/joe/Maildir/new')), ['mail'], 'what is there stays');
});

test('nothing is made where the domain is not, nor below a place outside that is not there', async (t) => {
  const root = folder(t);
  const domain = path.join(root, 'example.jp');
  await assert.rejects(makeAccountDirectory(path.join(domain, 'joe'), domain, mailOwner), { code: 'ENOENT' });
  fs.mkdirSync(domain);
  await assert.rejects(makeAccountDirectory(path.join(root, 'mnt/disk2/joe'), domain, mailOwner), { code: 'ENOENT' });
  assert.deepEqual(fs.readdirSync(root), ['example.jp']);
  fs.mkdirSync(path.join(root, 'mnt/disk2'), { recursive: true });
  await makeAccountDirectory(path.join(root, 'mnt/disk2/joe'), domain, mailOwner);
  assert.equal(maildirProblem(path.join(root, 'mnt/disk2/joe/Maildir')), undefined);
});

test('files in tmp/ go 36 hours after their last use, younger ones and other things stay', async (t) => {
  const maildir = folder(t);
  fs.mkdirSync(path.join(maildir, 'tmp'));
  const now = Date.now();
  const put = (name: string, accessedHours: number, modifiedHours: number): void => {
    const file = path.join(maildir, 'tmp', name);
    fs.writeFileSync(file, 'x');
    fs.utimesSync(file, (now - accessedHours * 3_600_000) / 1000, (now - modifiedHours * 3_600_000) / 1000);
  };
  put('old', 37, 37);
  put('young', 35, 35);
  put('read lately', 1, 50);
  put('written lately', 50, 1);
  put('.dot', 50, 50);
  put('\xe9', 50, 50);
  fs.mkdirSync(path.join(maildir, 'tmp/directory'));
  fs.utimesSync(path.join(maildir, 'tmp/directory'), 0, 0);
  assert.equal(await removeStaleTemporaries(maildir, now), 2);
  assert.deepEqual(fs.readdirSync(path.join(maildir, 'tmp')).sort(), [
    '.dot',
    'directory',
    'read lately',
    'written lately',
    'young',
  ]);
  assert.equal(await removeStaleTemporaries(path.join(maildir, 'absent'), now), 0);
});
